-- Which location of the public listener takes a path, by nginx's own rules for the locations that bgctl renders: an
-- exact one, or else the longest prefix. This is for explaining; nginx itself does not ask here.

local char, find, gmatch, gsub, sub = string.char, string.find, string.gmatch, string.gsub, string.sub
local concat = table.concat

local OWN = { { location = "^~ /_bgctl/" }, { location = "= /_bgctl/preview" } }

local _M = {}

-- The path as nginx matches it: without its query, decoded, with slashes merged and dot segments resolved.
local function normal(path)
    path = gsub(gsub(path, "[?#].*$", ""), "%%(%x%x)", function(hex) return char(tonumber(hex, 16)) end)
    local parts = {}
    for part in gmatch(path, "[^/]+") do
        if part == ".." then
            parts[#parts] = nil
        elseif part ~= "." then
            parts[#parts + 1] = part
        end
    end
    local ends = #parts > 0 and (find(path, "/%.*$")) and "/" or ""
    return "/" .. concat(parts, "/") .. ends
end

--- The entry of `routes` (lib.settings: the locations of services) that takes `path`; nil where the proxy answers by
-- itself.
function _M.find(routes, path)
    local found, longest, is_bare = nil, 0, false
    path = normal(path)
    for _, list in ipairs({ OWN, routes }) do
        for _, route in ipairs(list) do
            local exact = sub(route.location, 1, 2) == "= "
            local prefix = gsub(route.location, "^[=^~]+ ", "")
            if exact and prefix == path then
                return route.service and route or nil
            elseif not exact and prefix == path .. "/" and route.service then
                is_bare = true
            elseif not exact and #prefix > longest and sub(path, 1, #prefix) == prefix then
                found, longest = route, #prefix
            end
        end
    end
    if is_bare and longest < #path then
        return nil -- nginx redirects `/prefix` to `/prefix/`
    end
    return found and found.service and found or nil
end

return _M
