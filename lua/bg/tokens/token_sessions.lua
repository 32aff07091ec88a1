-- The sessions of tokens that say no version: those of an identity provider, and of any other key whose tokens are the
-- app's own. Such a token says whose the request is. Which version has its session is said by the browser's pin, or,
-- where a client keeps no pin, by what the proxy remembers of the session (tokens.api_clients). Providers renew their
-- tokens every few minutes: what names the session is what stays (tokens.claims).

local api_clients = require("bg.tokens.api_clients")

local _M = {}

local function session_of(token, known)
    return {
        sid = token.sid, key = token.key, pin_sid = token.pin_sid, name = token.sid, user = token.user,
        exp = token.exp, iat = token.issued, by_token = true, is_shared = token.is_shared,
        kept_until = known and known.exp or 0, version = known and known.version,
        generation = known and known.generation, issued = known and known.issued,
    }
end

-- Of most browsers nothing is remembered, as their pin says all: the same table serves all requests with a token.
local function pinned(token)
    local session = token.session
    if not session then
        session = session_of(token)
        token.session = session
    end
    return session
end

--- The session that this token (an identity without a version) is of, as tokens.cookie_sessions has it, with `user`,
-- `exp` and `iat` of the token. `is_script`: the token came in a header, and not in a cookie. `pin` is the identity in
-- the request's pin, or nil.
function _M.session(token, in_cookie, pin, now)
    local known = api_clients.find(token.sid, now)
    local session = pin and not known and pinned(token) or session_of(token, known)
    session.is_pinned, session.is_script = pin ~= nil, not in_cookie
    return session
end

--- The key under which a session is active on `version`. Where all tokens of a user are one session, two browsers may
-- be on two versions, each held by its pin: on each of them somebody is left. (session_api/sessions/names.py calls it
-- the same; it is the key of a page that was left behind, too.)
function _M.key_on(session, version)
    if session.is_shared and session.is_pinned then
        return session.key .. "~" .. version
    end
    return session.key
end

return _M
