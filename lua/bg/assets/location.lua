-- What nginx calls in the locations of files for which old pages ask late ([services.*] assets).

local checks = require("bg.health.checks")
local kept = require("bg.assets.kept")
local phases = require("bg.phases")
local presence = require("bg.assets.presence")
local router = require("bg.routing.router")

local ngx = ngx
local match, sub = string.match, string.sub
local ipairs = ipairs

local _M = {}

-- The slot that is asked first, and the other one where it may be asked after it. While it is known that the chosen
-- slot is down, the other one is asked first, and nothing is to be had of the chosen one.
local function slots_of(upstream, routing)
    local slot = routing.slots[match(upstream, "^%l+")]
    if not slot or not slot.version then
        return nil
    elseif upstream == slot.cover then
        return routing.slots[slot.other], nil
    elseif upstream ~= slot.name and upstream ~= slot.alone then
        return nil
    end
    local other = upstream == slot.name and checks.up[slot.other] ~= false and routing.slots[slot.other] or nil
    return slot, other
end

-- Where the file is that the request is for: nil where that is not known before a slot is asked for it; otherwise the
-- slot to ask, and whether it alone; "none" where no slot has it.
local function place_of(service, place, target, slot, other)
    local folder
    for _, each in ipairs(place.folders) do
        folder = sub(target, 1, #each) == each and each or folder
    end
    if not folder then -- nginx has read the path otherwise: it has dots, or encoded letters in its beginning
        return nil
    end
    local is_missing = presence.is_missing(place, service, slot, folder, target)
    local others = other and presence.is_missing(place, service, other, folder, target)
    if is_missing then
        return (not other or others) and "none" or other
    end
    return others and slot or nil
end

-- Goes on to another location, in which the request is no longer one that an app has led on (`accel`).
local function go_on(location, var)
    if var.bg_accel then
        var.bg_accel = ""
    end
    return ngx.exec(location)
end

--- access_by_lua of a path of assets. What is no plain GET or HEAD goes on to the app's own location, as does a file of
-- which no slot has more than its page, and nothing was kept. A file of which nothing was kept, and of which a slot may
-- know, goes on to where the app's own 404 is passed on.
-- @param id    the service's name in the names of locations
-- @param most  the limit of its service (limits.bodies)
function _M.access(service, id, most)
    local var = ngx.var
    phases.held_slot(most, service)
    local method, routing = var.request_method, router.routing()
    if method ~= "GET" and method ~= "HEAD" or var.bg_body == "large" then
        return go_on("@bg_app_" .. id, var)
    end
    local place, slot, other = router.settings.assets[service], nil, nil
    if routing then
        slot, other = slots_of(var.bg_upstream, routing)
    end
    local target, is_kept = match(var.request_uri, "^[^?]*"), kept.find(service, var.uri) ~= nil
    local found
    if slot and not presence.is_page(target) and (other or is_kept) then
        found = place_of(service, place, target, slot, other)
    end
    if found == "none" then
        return go_on((is_kept and "@bg_kept_" or "@bg_app_") .. id, var)
    elseif found then
        var.bg_upstream, var.bg_version = found.alone, found.version
    end
    if not is_kept then
        return go_on("@bg_sought_" .. id, var)
    end
end

--- set_by_lua: the version whose kept file is sent, "" where there is none.
function _M.kept(service)
    return kept.find(service, ngx.var.uri) or ""
end

--- header_filter_by_lua of a kept file: it has the headers with which the app sent it.
function _M.headers(service)
    local status = ngx.status
    if status ~= 200 and status ~= 206 and status ~= 304 then
        return
    end
    local _, noted = kept.find(service, ngx.var.uri)
    if noted then
        ngx.header["Cache-Control"] = noted[2] ~= "" and noted[2] or nil
        if status ~= 304 and noted[1] ~= "" then
            ngx.header["Content-Type"] = noted[1]
        end
    end
end

return _M
