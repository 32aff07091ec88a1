-- Session tokens that a worker of this proxy has verified, for all workers, in memory that outlives a reload: each is
-- verified once on a host, and not once by each worker, or again when a worker remembers others instead. What is kept
-- under the token's hash is what verification has found; the token itself is not kept. This is for tokens that are
-- signed with a private key: an HMAC is verified in less time than is looked up here.

local crypto = require("bg.lib.crypto")
local names = require("bg.lib.names")

local ngx = ngx
local format, match = string.format, string.match
local tonumber = tonumber

local HASH_BYTES = 16 -- of SHA-256: nobody finds a second text with the same ones
-- The last second in which the token is good, exp, iat, the generation or "-", whether the token is not one of ours,
-- the version, the session's name, the sid of its pin, and the user.
local LINE = "^(%d+) (%d+) (%d+) (%S+) (%d) (%S+) (%S+) (%S+) ?(.*)$"

local dict = ngx.shared.bg_verified

local _M = {}

--- The name of a token that was verified under `terms`: a text that is another one with each other key, secret or rule.
function _M.name(text, terms)
    return crypto.sha256_of_both(terms, text, HASH_BYTES)
end

--- The identity (tokens.token), complete with its names, in the token of this name; nil where none is known that is
-- good at `now`, in seconds.
function _M.find(name, now)
    local line = dict:get(name)
    if not line then
        return nil
    end
    local good_until, exp, issued, generation, foreign, version, sid, pin_sid, user = match(line, LINE)
    good_until = tonumber(good_until)
    if now > good_until then
        return nil
    end
    user = user ~= "" and user or nil
    return {
        version = version, generation = tonumber(generation), issued = tonumber(issued), sid = sid, user = user,
        exp = tonumber(exp), bound = false, foreign = foreign == "1" or nil, good_until = good_until,
        pin_sid = pin_sid, key = names.key(sid, user),
    }
end

-- Whether an identity says no more than a line does. What only pins say is not for tokens, and one without a version is
-- completed otherwise.
local function is_plain(identity)
    return identity.version and not identity.from and not identity.bound and not identity.pages and not identity.jar
end

--- Keeps an identity that find() has not found.
function _M.keep(name, identity, now)
    if is_plain(identity) and identity.good_until > now then
        local line = format("%.0f %.0f %.0f %s %d %s %s %s %s", identity.good_until, identity.exp, identity.issued,
            identity.generation and format("%.0f", identity.generation) or "-", identity.foreign and 1 or 0,
            identity.version, identity.sid, identity.pin_sid, identity.user or "")
        dict:set(name, line, identity.good_until - now)
    end
end

return _M
