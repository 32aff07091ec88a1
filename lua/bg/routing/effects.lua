-- What a decision about a request changes: the activity that is recorded, the pages and API clients that are
-- remembered.

local api_clients = require("bg.tokens.api_clients")
local names = require("bg.lib.names")
local navigation = require("bg.routing.navigation")
local page_versions = require("bg.routing.page_versions")
local reasons = require("bg.lib.reasons")
local recorder = require("bg.activity.recorder")
local token_sessions = require("bg.tokens.token_sessions")

local CREDENTIAL, PAGE, PIN, PREVIEW = reasons.CREDENTIAL, reasons.PAGE, reasons.PIN, reasons.PREVIEW

local settings

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
end

-- Records the request as activity on `version`, and returns its holder (activity.recorder). A browser counts as a
-- visitor only when it comes back with a pin: a client that keeps no cookies would count anew with every request.
local function note(identity, key, version, request)
    if not key then
        return nil
    end
    local user = identity.user
    if not user and identity.bound and request.site() == "cross-site" then
        return nil -- a log-in whose Strict cookie has stayed away is no visitor; its next request is noted
    end
    return recorder.note(key, user, identity.exp, version, identity.iat or identity.issued)
end

-- Remembers which version an API client was given: when it is new, when its version has changed, and when it would be
-- forgotten before it is idle.
local function keep_client(identity, version, generation, now)
    local window = settings.active_window
    if identity.version ~= version or identity.exp - now < window then
        identity.exp = now + window * 1.5
        api_clients.keep(identity.sid, version, generation, identity.exp, now)
    end
end

-- Whether the proxy has to remember the version of a session: no pin says it. (Who was sent a pin may not keep it; and
-- no script replaces a pin of which nothing is known any more.)
local function is_remembered(session, reason)
    if reason == PAGE or reason == PREVIEW then
        return false
    end
    return not session.is_pinned or session.is_script and reason ~= PIN
end

-- Remembers the same of a session that is named by the app's cookie, or by a token that says no version.
local function keep_session(session, version, generation, now)
    local window = settings.active_window
    if session.key and (session.version ~= version or session.kept_until - now < window) then
        local root = session.root ~= session.name and session.root or nil
        api_clients.keep(session.name, version, generation, now + window * 1.5, now, root)
    end
end

-- Whether the visitor of the request's pin has logged in: the pin goes over to the session, or back to it, where the
-- token had expired before it was renewed.
local function has_logged_in(decision)
    local pin, claims = decision.pin, decision.pin_claims
    return decision.life and pin and (decision.in_cookie or decision.session)
        and (pin.sid ~= claims.sid or pin.bound ~= claims.bound)
end

-- Remembers of which version the page is that this request loads.
local function note_page(decision, request)
    local version = decision.slot.version
    if decision.page_life then
        page_versions.note(page_versions.of_post(decision.pin_claims.sid), request.path(), version)
    end
    if (decision.reason == PAGE or page_versions.knows(decision.list)) and navigation.may_refer(request) then
        page_versions.note(decision.list, request.path(), version)
    end
end

--- Puts a decision into effect. Returns the holder of the request (activity.recorder), nil where it has none.
function _M.take(decision, request, now)
    local identity, slot = decision.identity, decision.slot
    if decision.reason == CREDENTIAL then
        keep_client(identity, slot.version, decision.generation, now)
    end
    local session, key = decision.session, identity.key
    if session then
        key = token_sessions.key_on(session, slot.version)
        if is_remembered(session, decision.reason) then
            keep_session(session, slot.version, decision.generation, now)
        end
    end
    note_page(decision, request)
    if has_logged_in(decision) then
        recorder.gone(names.key(decision.pin.sid))
    end
    local page, page_holder = decision.page, nil
    if page and identity.key then
        page_holder = note(identity, recorder.page_key(identity.key, page.version), page.version, request)
    end
    if decision.reason == PAGE then
        return page_holder
    end
    return note(identity, key, slot.version, request)
end

return _M
