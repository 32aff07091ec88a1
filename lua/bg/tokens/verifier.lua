-- Who is asking? Verified tokens are remembered per worker until they expire, so that a signature is checked once per
-- token and not once per request. Refusals are remembered briefly: a browser repeats a stale cookie on every request.

local lrucache = require("resty.lrucache")
local token = require("bg.tokens.token")

local REMEMBERED = 20000
local REFUSAL_SECONDS = 5
local REFUSALS = 500

local _M = {}
local Identity = {}
Identity.__index = Identity

--- A verifier for one kind of token. `rules` as tokens.token takes them; `count(reason)` is told of every refusal,
-- `know(identity)` of every new identity.
function _M.new(keys, rules, count, know)
    return setmetatable({
        keys = keys,
        rules = rules,
        count = count,
        know = know,
        known = assert(lrucache.new(REMEMBERED)),
        refused = assert(lrucache.new(REFUSALS)),
    }, Identity)
end

--- The identity (tokens.token) in `text`, or nil and the reason, not counted. `now` in seconds.
function Identity:look(text, now)
    local known = self.known:get(text)
    if known and now <= known.good_until then
        return known
    end
    local reason = self.refused:get(text)
    if not reason then
        known, reason = token.verify(text, self.keys, self.rules, now)
        if known then
            self.know(known)
            self.known:set(text, known)
            return known
        end
        self.refused:set(text, reason, REFUSAL_SECONDS)
    end
    return nil, reason
end

--- All that is wrong with a token that is refused (tokens.token).
function Identity:faults(text, now)
    return token.faults(text, self.keys, self.rules, now)
end

--- The same, with a refusal counted.
function Identity:of(text, now)
    local known, reason = self:look(text, now)
    if not known then
        self.count(reason)
    end
    return known, reason
end

return _M
