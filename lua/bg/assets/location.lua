-- What nginx calls in the locations of files for which old pages ask late ([services.*] assets).

local kept = require("bg.assets.kept")
local phases = require("bg.phases")
local presence = require("bg.assets.presence")
local router = require("bg.routing.router")

local ngx = ngx
local match, sub = string.match, string.sub
local ipairs = ipairs

local _M = {}

-- The slot that was chosen, where it is asked first, and the other one where it may be asked after it.
local function slots_of(upstream, routing)
    local slot = routing.slots[match(upstream, "^%l+")]
    if not slot or not slot.version or upstream ~= slot.name and upstream ~= slot.alone then
        return nil
    end
    return slot, upstream == slot.name and routing.slots[slot.other] or nil
end

-- Where the file is that the request is for: "kept" where no slot has it, otherwise the slot to ask, and whether it
-- alone; nil where there is nothing to say before it is asked for.
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
        return (not other or others) and "kept" or other
    end
    return others and slot or nil
end

--- access_by_lua of a path of assets: what is no plain GET or HEAD goes on to the app's own location `app`; a file that
-- no slot has goes on to `kept_at`. `most` is the limit of its service (limits.bodies).
function _M.access(service, app, kept_at, most)
    local var = ngx.var
    phases.held_slot(most)
    local method, routing = var.request_method, router.routing()
    if method ~= "GET" and method ~= "HEAD" or var.bg_body == "large" then
        return ngx.exec(app)
    end
    local place, slot, other = router.settings.assets[service], nil, nil
    if routing then
        slot, other = slots_of(var.bg_upstream, routing)
    end
    local target = match(var.request_uri, "^[^?]*")
    if not slot or presence.is_page(target) or not (other or kept.has_any(service)) then
        return
    end
    local found = place_of(service, place, target, slot, other)
    if found == "kept" then
        return ngx.exec(kept_at)
    elseif found then
        var.bg_upstream, var.bg_version = found.alone, found.version
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
