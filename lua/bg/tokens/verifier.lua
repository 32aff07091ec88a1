-- Verifies tokens of one kind, and remembers the verdicts: a signature is checked once for each token and not once for
-- each request. A worker remembers good tokens until they expire; refusals are remembered briefly, because a browser
-- sends a stale cookie along with every request.

local token = require("bg.tokens.token")
local two_ages = require("bg.lib.two_ages")
local verified = require("bg.tokens.verified")

local setmetatable = setmetatable

local REMEMBERED = 20000 -- good tokens
local REFUSALS = 5000 -- bad ones
local REFUSAL_SECONDS = 5

local _M = {}
local Verifier = {}
Verifier.__index = Verifier

--- A verifier for one kind of token. `keys` and `rules` are as tokens.token takes them; `count(reason)` is called with
-- every refusal that is to be counted, `complete(identity)` with every new identity. `terms`: a text that is another
-- one with each other key, secret or rule, for tokens that all workers remember together (tokens.verified); nil for
-- others.
function _M.new(keys, rules, count, complete, terms)
    return setmetatable({
        terms = terms,
        keys = keys,
        rules = rules,
        count = count,
        complete = complete,
        known = two_ages.new(REMEMBERED),
        refused = two_ages.new(REFUSALS), -- text -> `{reason, good_until}`
    }, Verifier)
end

-- The same as look(), of a text of which this worker knows nothing.
function Verifier:examine(text, now)
    local name = self.terms and token.is_costly(text) and verified.name(text, self.terms)
    local known = name and verified.find(name, now)
    if known then
        return known
    end
    local identity, reason = token.verify(text, self.keys, self.rules, now)
    if identity then
        self.complete(identity)
    end
    if identity and name then
        verified.keep(name, identity, now)
    end
    return identity, reason
end

--- The identity (tokens.token) in `text`, or nil and the reason, which is not counted. `now` in seconds.
function Verifier:look(text, now)
    local known = self.known:get(text)
    if known and now <= known.good_until then
        return known
    end
    local refusal = self.refused:get(text)
    if refusal and now <= refusal.good_until then
        return nil, refusal.reason
    end
    local identity, reason = self:examine(text, now)
    if identity then
        self.known:set(text, identity)
        return identity
    end
    self.refused:set(text, { reason = reason, good_until = now + REFUSAL_SECONDS })
    return nil, reason
end

--- The same, with a refusal counted.
function Verifier:verify(text, now)
    local known, reason = self:look(text, now)
    if not known then
        self.count(reason)
    end
    return known, reason
end

--- Remembers no longer that `text` is good: whoever knows it by now does not ask here again.
function Verifier:let_go(text)
    self.known:drop(text)
end

--- The identity in `text`, which may be nil; nil where it does not verify. `quietly`: a refusal is not counted.
function Verifier:identity(text, now, quietly)
    if not text then
        return nil
    elseif quietly then
        return (self:look(text, now))
    end
    return (self:verify(text, now))
end

--- What a token is worth, for explaining: `{identity, reason, faults}`, with `faults` (tokens.claims) where it is
-- refused; nil without a text. Nothing is counted.
function Verifier:worth(text, now)
    if not text then
        return nil
    end
    local identity, reason = self:look(text, now)
    local faults = not identity and token.faults(text, self.keys, self.rules, now) or nil
    return { identity = identity, reason = reason, faults = faults }
end

return _M
