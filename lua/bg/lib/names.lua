-- How versions, users and sessions are named, and the keys under which their activity is kept. The session API names
-- users and sessions by the same rules (session_api/sessions/names.py): otherwise a session that was signed there and
-- is seen here would count as two.

local base64url = require("bg.lib.base64url")
local crypto = require("bg.lib.crypto")

local byte, find, sub = string.byte, string.find, string.sub
local type = type

local VERSION, LONGEST_VERSION = "^%w[%w._+-]*$", 64
local LONGEST_USER = 512 -- bytes: four for each of the 128 characters that a log-in may give
local RANDOM = 22 -- letters of base64url that hold 128 bits
local RANDOM_BYTES = 16
-- What keys of activity begin with, and the first byte of that. COOKIE is a session of the app's own, known by its
-- cookie; CLIENT an API client, which counts as a visitor.
local SESSION, VISITOR, COOKIE, CLIENT = "s ", "v ", "c ", "a "
local SESSION_BYTE, VISITOR_BYTE, COOKIE_BYTE, CLIENT_BYTE = 115, 118, 99, 97
-- What the sid of a session begins with whose version the proxy remembers: the app's cookie names it (the pin of that
-- name may be a visitor's), or a token without a version. No other sid has a dot.
local BY_COOKIE, BY_TOKEN = "c.", "t."
local BY_TOKEN_BYTE, DOT_BYTE = 116, 46

local _M = {}

--- Whether `value` is a version's name: `[A-Za-z0-9][A-Za-z0-9._+-]{0,63}`.
function _M.is_version(value)
    return type(value) == "string" and #value <= LONGEST_VERSION and find(value, VERSION) ~= nil
end

--- A user's name: the id itself, or a hash of it where it is too long or has control characters. nil without an id.
function _M.user(id)
    if not id or id == "" then
        return nil
    elseif #id > LONGEST_USER or find(id, "[%z\1-\31\127]") then
        return "sha256-" .. base64url.encode(crypto.sha256(id))
    end
    return id
end

--- A session's name. An id of 128 random bits, such as the session API makes them, is unique by itself. Any other id
-- may be used by two users (it may count devices, or be the word "web"), so that `user` (a user's name, or nil) becomes
-- part of the name. So it does with every id that the app chose (`foreign`): none of its tokens can then have the name
-- of a session of ours.
function _M.session(id, user, foreign)
    if not foreign and #id == RANDOM and not find(id, "[^%w_-]") then
        return id
    end
    return base64url.encode(sub(crypto.sha256(id .. "\0" .. (user or "")), 1, RANDOM_BYTES))
end

--- The key under which the activity of a session is kept; of a visitor where `user` is nil.
function _M.key(sid, user)
    return (user and SESSION or VISITOR) .. sid
end

--- The sid and the key of a session that the app's own cookie names, by the name of the session.
function _M.by_cookie(name)
    local sid = BY_COOKIE .. name
    return sid, COOKIE .. sid
end

--- The same of a session whose token says no version. Without a user its key is as one that a cookie names.
function _M.by_token(name, user)
    local sid = BY_TOKEN .. name
    return sid, (user and SESSION or COOKIE) .. sid
end

--- Whether by_token() has made this sid.
function _M.is_by_token(sid)
    return byte(sid) == BY_TOKEN_BYTE and byte(sid, 2) == DOT_BYTE
end

--- The name under which the proxy remembers the client or session that the session API calls `sid`; nil where that is
-- only a part of one, such as a page that was left behind.
function _M.remembered(sid)
    if find(sid, "~", 1, true) then
        return nil
    end
    return sub(sid, 1, 2) == BY_COOKIE and sub(sid, 3) or sid
end

--- The key of an API client.
function _M.client_key(sid)
    return CLIENT .. sid
end

--- Whether the activity under `key` is a visitor's. An API client is one.
function _M.is_visitor(key)
    local first = byte(key)
    return first == VISITOR_BYTE or first == CLIENT_BYTE
end

--- Whether the activity under `key` is a session's that has a user.
function _M.is_session(key)
    return byte(key) == SESSION_BYTE
end

--- Whether the activity under `key` is a session's of which nobody knows whose it is: the app's own cookie names it, or
-- a token without a user and a version.
function _M.is_cookie(key)
    return byte(key) == COOKIE_BYTE
end

--- The session of an identity in the access log: the same for a log-in's token, or the app's cookie, and for the pin
-- beside it.
function _M.in_log(identity)
    if not identity.hash then
        identity.hash = crypto.short_hash(identity.pin_sid or identity.sid)
    end
    return identity.hash
end

--- What the session API calls the activity under `key`, where it is neither a session's with a user nor a browser's:
-- "session" or "client"; otherwise nil.
function _M.kind(key)
    local first = byte(key)
    return first == COOKIE_BYTE and "session" or first == CLIENT_BYTE and "client" or nil
end

return _M
