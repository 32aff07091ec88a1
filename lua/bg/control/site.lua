-- Which site of the public listener takes a host, by nginx's own rules for server_name: the name itself, or else the
-- longest wildcard that fits, or else the site of all other hosts. This is for explaining; nginx itself does not ask
-- here.

local find, gsub, lower, sub = string.find, string.gsub, string.lower, string.sub

local _M = {}

-- A host as nginx compares it: without its port and a dot at its end, in small letters.
local function normal(host)
    return (gsub(gsub(lower(host), ":%d+$", ""), "%.$", ""))
end

-- The longest of `names` that fits `host`, and its length; a name in full is longer than any wildcard.
local function fit(names, host)
    local found, longest = nil, 0
    for _, name in ipairs(names) do
        local is_wide = sub(name, 1, 2) == "*."
        local tail = sub(name, 2)
        if name == host then
            return name, math.huge
        elseif is_wide and #host > #tail and sub(host, -#tail) == tail and #tail > longest then
            found, longest = name, #tail
        end
    end
    return found, longest
end

--- The site (lib.settings: `sites`) that takes `host`, which may be nil, and the name by which it does; where no name
-- fits, the site of all other hosts.
function _M.find(settings, host)
    local found, by, longest = nil, nil, 0
    for _, site in ipairs(host and not find(host, "^%s*$") and settings.sites or {}) do
        local name, length = fit(site.hosts, normal(host))
        if name and length > longest then
            found, by, longest = site, name, length
        end
    end
    return found or { routes = settings.routes, refused = settings.unknown_hosts == "refuse" }, by
end

return _M
