-- A secret in a file that is replaced while we run: the last good one stays in force (lib.hot_file).

local files = require("bg.lib.files")
local hot_file = require("bg.lib.hot_file")

local gsub = string.gsub

local _M = {}

-- A compose file that was written before each secret had a folder of its own mounts the file itself, one folder up.
local function read(path)
    local text, err = files.secret(path)
    return text or files.secret((gsub(path, "/[^/]+(/[^/]+)$", "%1"))) or nil, err
end

--- A hot file with the secret at `path`; `parse(text) -> value | nil, why`.
function _M.new(path, parse)
    return hot_file.new(path:match("[^/]+$"), function() return read(path) end, parse)
end

return _M
