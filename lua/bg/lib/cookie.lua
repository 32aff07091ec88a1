-- Cookies (RFC 6265): reads one out of a Cookie header, and writes one that a browser is to keep.

local ipairs = ipairs
local byte, find, format, sub = string.byte, string.find, string.format, string.sub

local SPACE, SEMICOLON = 32, 59
local PREFIXES = { "", "__Host-", "__Secure-" }

local _M = {}

-- Whether a cookie may begin at `at`: at the header's start or after a semicolon, with any number of blanks before it.
local function begins(header, at)
    repeat
        at = at - 1
    until byte(header, at) ~= SPACE
    return at == 0 or byte(header, at) == SEMICOLON
end

-- The same for headers as browsers write them: the cookie is the first one, or stands after "; ".
local function begins_plainly(header, at)
    return at == 1 or byte(header, at - 1) == SPACE and byte(header, at - 2) == SEMICOLON
end

local function value_at(header, first)
    local stop = find(header, ";", first, true)
    return sub(header, first, stop and stop - 1 or -1)
end

local function search(header, wanted)
    local at = 1
    while true do
        local first, last = find(header, wanted, at, true)
        if not first then
            return nil
        elseif begins(header, first) then
            return value_at(header, last + 1)
        end
        at = last + 1
    end
end

--- The value of a cookie in `header`, or nil. `wanted` is its name with the equals sign; `header` may be nil.
-- The first of several with one name counts: browsers send the most specific one first (section 5.4).
function _M.get(header, wanted)
    if not header then
        return nil
    end
    local first, last = find(header, wanted, 1, true)
    if not first then
        return nil
    elseif begins_plainly(header, first) then
        return value_at(header, last + 1)
    end
    -- The loops of search() are kept apart from this: LuaJIT does not compile a decision that has a loop in its course.
    return search(header, wanted)
end

--- The values of all cookies of the name `wanted` (with its equals sign), in their order. Cookies whose name has
-- `__Host-` or `__Secure-` before it are among them.
function _M.all(header, wanted)
    local found, at = {}, 1
    while true do
        local first, last = find(header, wanted, at, true)
        if not first then
            return found
        end
        for _, prefix in ipairs(PREFIXES) do
            local start = first - #prefix
            if start >= 1 and sub(header, start, first - 1) == prefix and begins(header, start) then
                found[#found + 1] = value_at(header, last + 1)
                break
            end
        end
        at = last + 1
    end
end

--- The Set-Cookie value that has a browser keep `value` for `life` seconds; `name` with its equals sign. `jar` says who
-- gets the cookie, as lib.settings has it: `{secure_cookies, pin_domain, pin_same_site}`. The cookie is SameSite=Lax
-- unless `jar` says otherwise: a link from elsewhere must not flip the version, nor lose a preview.
function _M.set(name, value, life, jar)
    local domain = jar.pin_domain and jar.pin_domain ~= "" and "Domain=" .. jar.pin_domain .. "; " or ""
    local same_site = jar.pin_same_site == "none" and "None" or "Lax"
    return format("%s%s; Path=/; %sMax-Age=%d; HttpOnly; SameSite=%s%s%s", name, value, domain, life, same_site,
        jar.secure_cookies and "; Secure" or "", same_site == "None" and "; Partitioned" or "")
end

return _M
