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

--- A function that reads the file at `path` as read() does. Where the file begins as it did before, in its first
-- `letters`, the text is the one from before: for a large file whose beginning changes whenever anything in it does.
function _M.reader(path, letters)
    local beginning, text
    return function()
        local file, err, code = open(path, "rb")
        if not file then
            beginning = nil
            return nil, err, code
        end
        local found = file:read(letters)
        if not found or found ~= beginning then
            beginning, text = found, found and found .. (file:read("*a") or "")
        end
        file:close()
        return text or ""
    end
end

--- The secret in the file at `path`: its bytes without the line end that editors add. nil and why where it cannot be
-- read.
function _M.secret(path)
    local text, err = _M.read(path)
    return text and (gsub(text, "[\r\n]+$", "")), err
end

return _M
