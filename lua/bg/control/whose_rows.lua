-- The rows of /explain for requests that say who asks and nothing of a version, or nothing at all. `facts` and rows are
-- those of control.rule_rows.

local cookie_sessions = require("bg.tokens.cookie_sessions")
local credentials = require("bg.tokens.credentials")
local crypto = require("bg.lib.crypto")
local lineage = require("bg.routing.lineage")
local navigation = require("bg.routing.navigation")
local reasons = require("bg.lib.reasons")

local format = string.format

local CREDENTIAL, NEW, RETIRED, SESSION = reasons.CREDENTIAL, reasons.NEW, reasons.RETIRED, reasons.SESSION

local _M = {}

local function percent(share)
    return format("%g %%", share * 100)
end

--- Why a token that is good, and says no version, does not decide.
function _M.no_version(facts, identity)
    local claim = facts.settings.version_claim or "deploymentVersion"
    local whose = identity.is_shared and "user" or identity.user and "session and user" or "session"
    return format("good; it says which %s, and no version (%s)", whose, claim)
end

--- The app's own session cookie, or a token without a version, says whose request it is, and of a version only what is
-- remembered. There is no row where there is neither, and no such cookie is set up.
function _M.session(facts)
    local decision, found = facts.decision, facts.decision.session
    local by = found and (found.by_token and "its token" or found.cookie)
    if not found and #facts.settings.session_cookies == 0 then
        return nil
    elseif not found then
        local shown = cookie_sessions.shown(facts.request.cookie())
        return { outcome = shown and "not reached" or "absent",
            why = shown and "a token says whose it is" or "no cookie of [sessions] cookie" }
    elseif not found.key then
        return { outcome = "no", why = by .. ": the app has cleared it" }
    end
    local slot = found.version and lineage.slot(facts.routing, found)
    local is_used, is_fresh = decision.reason == SESSION, decision.reason == NEW and not slot
    local why = by .. " says whose it is" .. (is_fresh and ", and nothing is remembered of that" or "")
    if slot then
        why = format("%s: was given %s, which %s serves", by, found.now, slot.name)
    end
    return { outcome = is_used and "used" or slot and "outranked" or is_fresh and "no" or "not reached", why = why }
end

--- A header that says who asks, and nothing of a version.
function _M.key_header(facts)
    local decision, share = facts.decision, facts.routing.green_share
    local client = credentials.client(facts.request, facts.now)
    if not client then
        return { outcome = "absent", why = "no header of [sessions] key_headers" }
    elseif decision.reason ~= CREDENTIAL then
        local is_page = decision.reason == NEW and navigation.is_page(facts.request)
        return { outcome = is_page and "no" or "not reached", why = is_page and "a browser's page: that gets a pin"
            or client.header .. " says who asks" }
    end
    local slot = client.version and lineage.slot(facts.routing, client)
    local why = slot and format("was given %s, which %s serves", client.now, slot.name)
        or percent(share) .. " of new sessions get green"
    if not slot and share > 0 and share < 1 then
        why = format("%s; the draw of this one is %s", why, percent(crypto.fraction(client.sid)))
    end
    return { outcome = "used", why = client.header .. ": " .. why }
end

--- A new session, whose version is drawn.
function _M.fresh(facts)
    local decision, share = facts.decision, facts.routing.green_share
    local is_used = decision.reason == NEW or decision.reason == RETIRED
    local why = format("%s of new sessions get green", percent(share))
    if not is_used then
        return { outcome = "not reached", why = why }
    end
    if decision.identity.key then
        why = format("%s; the draw of this one is %s", why, percent(crypto.fraction(decision.identity.sid)))
    end
    return { rule = decision.reason, outcome = "used", why = why }
end

return _M
