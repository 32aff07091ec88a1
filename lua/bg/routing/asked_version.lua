-- The version for which a request asks in its header X-Deployment-Version: the script of a page says so of which
-- version the page is (session_api/web/client.mjs), and so page and API are of one version. It holds for that request
-- alone: no pin moves, and the session is counted where it is. It authorises nothing. Who makes it up chooses between
-- versions that are released to everybody, or to some (a canary), and never sees one that is only previewed.

local navigation = require("bg.routing.navigation")
local reasons = require("bg.lib.reasons")

local ASKED, PREVIEW = reasons.ASKED, reasons.PREVIEW

local _M = {}

--- The slot that serves the version for which the request asks; nil and why it is not that one which answers, a word:
-- "unsplit" (one version is served), "absent", "previewed", "load" (a page load has the session's version), or
-- "retired" (that version is not served).
function _M.slot(decision, routing, request)
    if not routing.is_split then
        return nil, "unsplit"
    end
    local version = request.asked_version()
    if not version then
        return nil, "absent"
    elseif routing.is_preview or decision.reason == PREVIEW then
        return nil, "previewed"
    elseif navigation.is_load(request) then
        return nil, "load"
    end
    local slot = routing.by_version[version]
    return slot, not slot and "retired" or nil
end

--- Has the slot of that version answer, whatever else was decided (routing.router).
function _M.apply(decision, routing, request, is_slotted)
    local slot = is_slotted and _M.slot(decision, routing, request)
    if slot then
        request.hold(decision.slot.version)
        decision.slot, decision.reason = slot, ASKED
    end
end

return _M
