-- The page that asks: while a session moves from one version to the next, a tab may still show a page of the old
-- version, and what that page asks for is served by the old version. routing.router decides by this, and
-- control.explain says why it does not apply.

local lineage = require("bg.routing.lineage")
local navigation = require("bg.routing.navigation")
local page_versions = require("bg.routing.page_versions")

local _M = {}

--- The slot that serves the page that asks, where it is known to be of the version that its session has left (`pin`, an
-- identity, says so). Otherwise nil and why not, a word: "not_moved", "retired" (the old version is not served any
-- more), "moved_back", "unknown_pages", "load", "no_referrer", or "other_version" and then that version, where it is
-- known.
function _M.of_moved(routing, pin, request)
    if not pin or not pin.from then
        return nil, "not_moved"
    end
    lineage.update(routing, pin)
    local old = pin.left and routing.by_version[pin.left]
    if not old then
        return nil, "retired"
    elseif pin.now == pin.left then
        return nil, "moved_back"
    elseif not page_versions.knows(pin.pages) then
        return nil, "unknown_pages"
    elseif navigation.is_load(request) then
        return nil, "load"
    end
    local path = navigation.referrer(request)
    if not path then
        return nil, "no_referrer"
    end
    local version = page_versions.version(pin.pages, path)
    if version == old.version then
        return old
    end
    return nil, "other_version", version
end

--- The version of the page that asks, where that page was the answer to a POST from another site and its version is
-- known. `posted` is the identity in the page cookie, or nil.
function _M.version_of_post(posted, request)
    if not posted or navigation.is_load(request) then
        return nil
    end
    local path = navigation.referrer(request)
    return path and page_versions.version(page_versions.of_post(posted.sid), path)
end

--- The slot that serves such a page, where that is another one than `chosen`; otherwise nil. No cookie came with the
-- POST, so that its answer may be of another version than the session.
function _M.of_post(routing, posted, request, chosen)
    local slot = posted and lineage.slot_of_same(routing, posted)
    if not slot or slot == chosen then
        return nil
    end
    return _M.version_of_post(posted, request) == slot.version and slot or nil
end

return _M
