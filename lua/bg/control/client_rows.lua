-- The rows of /explain for a session or a client that is known by a credential of the app's own, and remembered by the
-- proxy: the app's session cookie, and a header such as an API key. `facts` are as control.rule_rows has them.

local cookie_sessions = require("bg.tokens.cookie_sessions")
local credentials = require("bg.tokens.credentials")
local crypto = require("bg.lib.crypto")
local lineage = require("bg.routing.lineage")
local navigation = require("bg.routing.navigation")
local reasons = require("bg.lib.reasons")

local format = string.format

local SESSION, CREDENTIAL, NEW = reasons.SESSION, reasons.CREDENTIAL, reasons.NEW

local _M = {}

local function percent(share)
    return format("%g %%", share * 100)
end

--- The app's own session cookie says whose request it is, and of a version only what is remembered. There is no row
-- where no such cookie is set up.
function _M.session(facts)
    local decision, found = facts.decision, facts.decision.session
    if #facts.settings.session_cookies == 0 then
        return nil
    elseif not found then
        local shown = cookie_sessions.shown(facts.request.cookie())
        return { outcome = shown and "not reached" or "absent",
            why = shown and "a token says whose it is" or "no cookie of [sessions] cookie" }
    elseif not found.key then
        return { outcome = "no", why = found.cookie .. ": the app has cleared it" }
    end
    local slot = found.version and lineage.slot(facts.routing, found)
    local is_used = decision.reason == SESSION
    local why = found.cookie .. " says whose it is"
    if slot then
        why = format("%s: was given %s, which %s serves", found.cookie, found.now, slot.name)
    end
    return { outcome = is_used and "used" or slot and "outranked" or "not reached", why = why }
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

return _M
