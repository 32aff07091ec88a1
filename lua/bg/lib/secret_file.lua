-- A secret in a file that somebody replaces: the last good one stays in force (lib.hot_file).

local files = require("bg.lib.files")
local hot_file = require("bg.lib.hot_file")

local gsub = string.gsub

local _M = {}

-- A compose file from before secrets had a folder each mounts the file itself, one folder up.
local function read(path)
    local text, err = files.secret(path)
    return text or files.secret((gsub(path, "/[^/]+(/[^/]+)$", "%1"))) or nil, err
end

--- Watches the secret at `path`; `parse(text) -> value | nil, err`.
function _M.new(path, parse)
    return hot_file.new(path:match("[^/]+$"), function() return read(path) end, parse)
end

return _M
