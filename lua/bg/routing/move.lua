-- Where the load of a page takes its session: a session of a slot that drains may move on to the new version
-- (routing.migration). routing.router moves it, and control.explain says why it stays.

local cookie = require("bg.lib.cookie")
local crypto = require("bg.lib.crypto")
local migration = require("bg.routing.migration")
local navigation = require("bg.routing.navigation")
local page_versions = require("bg.routing.page_versions")
local recorder = require("bg.activity.recorder")
local rules = require("bg.routing.rules")
local token_sessions = require("bg.tokens.token_sessions")

local settings

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
end

-- Whether the user has asked for the new version.
local function is_asked(request)
    return cookie.get(request.cookie(), settings.update_cookie) ~= nil
end

--- Whether a page that is loaded by this browser may take its session along at all. With `migrate = "never"` it may
-- not, and nothing more of the request has to be looked at.
function _M.is_possible(request)
    return settings.migrate ~= "never" or is_asked(request)
end

-- Why this page load may not take its session along; nil where it may.
local function refusal(decision, request, now)
    local identity = decision.identity
    local asked = is_asked(request)
    return migration.refusal(settings.migrate, asked, page_versions.knows(decision.pin_claims.pages), function()
        -- A log-in whose token has stayed away is known under another key, under which it may have been busy.
        local key = token_sessions.key_on(identity, decision.slot.version)
        return not identity.bound and (not key or recorder.is_idle(key, settings.migrate_idle, now))
    end)
end

--- The slot to which a page load takes its session, the one that a new session would get; or nil and why it stays, a
-- word: "not_draining", "previewed" (new sessions get the old version, too), "no_load", "same_slot", or as
-- migration.refusal() says.
function _M.target(decision, routing, request, now)
    local slot = decision.slot
    if slot.state ~= "drain" then
        return nil, "not_draining"
    elseif routing.is_preview then
        return nil, "previewed"
    elseif not navigation.is_load(request) then
        return nil, "no_load"
    end
    local why = refusal(decision, request, now)
    if why then
        return nil, why
    end
    local target = rules.fresh(routing, crypto.fraction(decision.identity.sid))
    if target == slot then
        return nil, "same_slot"
    end
    return target
end

return _M
