-- The names under which users and sessions are counted. The session API names them by the same rules
-- (session_api/sessions/names.py), or what is signed there and what is seen here would be two sessions.

local base64url = require("bg.base64url")
local crypto = require("bg.crypto")

local find, sub = string.find, string.sub

local LONGEST_USER = 512 -- bytes: four for each of the 128 characters that a log-in may give
local RANDOM = 22 -- letters of base64url that hold 128 bits
local RANDOM_BYTES = 16

local _M = {}

--- A user's name: the id itself, or, of one that is too long or has control characters, a hash of it. nil for nobody.
function _M.user(id)
    if not id or id == "" then
        return nil
    elseif #id > LONGEST_USER or find(id, "[%z\1-\31\127]") then
        return "sha256-" .. base64url.encode(crypto.sha256(id))
    end
    return id
end

--- A session's name. An id of 128 random bits, such as the session API makes them, is unique by itself. Any other may
-- be used by two users (it may count devices, or be the word "web"): it is told apart by `user`, a user's name or nil.
-- So is every id that the app chose (`foreign`): none of its tokens can have the name of a session of ours.
function _M.session(id, user, foreign)
    if not foreign and #id == RANDOM and not find(id, "[^%w_-]") then
        return id
    end
    return base64url.encode(sub(crypto.sha256(id .. "\0" .. (user or "")), 1, RANDOM_BYTES))
end

return _M
