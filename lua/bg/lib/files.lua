-- Reads whole files, as text.

local open = io.open
local gsub = string.gsub

local _M = {}

--- The bytes of the file at `path`; or nil, why not, and the error's number (errno) where it cannot be opened.
function _M.read(path)
    local file, err, code = open(path, "rb")
    if not file then
        return nil, err, code
    end
    local text = file:read("*a")
    file:close()
    if not text then -- a directory can be opened, but not read
        return nil, path .. ": cannot be read"
    end
    return text
end

--- The secret in the file at `path`: its bytes without the line end that editors add. nil and why where it cannot be
-- read.
function _M.secret(path)
    local text, err = _M.read(path)
    return text and (gsub(text, "[\r\n]+$", "")), err
end

return _M
