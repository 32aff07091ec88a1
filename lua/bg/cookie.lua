-- Cookies (RFC 6265): one out of a Cookie header, and one to be kept.

local byte, find, format, sub = string.byte, string.find, string.format, string.sub

local SPACE, SEMICOLON = 32, 59

local _M = {}

-- Whether a cookie may begin at `at`: at the header's start or after a semicolon, blanks aside.
local function begins(header, at)
    repeat
        at = at - 1
    until byte(header, at) ~= SPACE
    return at == 0 or byte(header, at) == SEMICOLON
end

--- The value of a cookie in `header`, or nil. `wanted` is its name with the equals sign; `header` may be nil.
-- Of several with one name, the first counts: browsers send the most specific first (section 5.4).
function _M.get(header, wanted)
    if not header then
        return nil
    end
    local at = 1
    while true do
        local first, last = find(header, wanted, at, true)
        if not first then
            return nil
        end
        if begins(header, first) then
            local stop = find(header, ";", last + 1, true)
            return sub(header, last + 1, stop and stop - 1 or -1)
        end
        at = last + 1
    end
end

--- The Set-Cookie value that keeps `value` for `life` seconds; `name` with its equals sign. SameSite=Lax: a link from
-- elsewhere must not flip the version, nor lose a preview.
function _M.set(name, value, life, secure)
    return format("%s%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", name, value, life, secure and "; Secure" or "")
end

return _M
