-- Decisions that are taken again as they were. Most requests of a session differ in nothing that routing looks at: the
-- same token, the same cookies, the same routing table. The decision about such a request depends on nothing else
-- (routing.request notes what was read), changes nothing but counts and activity, and says until when it holds. It is
-- kept with the texts that it was made of, and the next request with the very same texts gets it: its token was
-- verified once, and no letter of it has changed.
--
-- A request for which there is nothing here is decided by routing.router, which alone knows the rules.

local api_clients = require("bg.tokens.api_clients")
local cookie_sessions = require("bg.tokens.cookie_sessions")
local credentials = require("bg.tokens.credentials")
local pinning = require("bg.routing.pinning")
local reasons = require("bg.lib.reasons")
local refusals = require("bg.tokens.refusals")
local slot_totals = require("bg.figures.slot_totals")
local two_ages = require("bg.lib.two_ages")

local format = string.format
local huge, min = math.huge, math.min

local REPEATED = { [reasons.TOKEN] = true, [reasons.MOVED] = true, [reasons.PIN] = true, [reasons.SESSION] = true }
-- Bounds for one worker: decisions, and bytes of the texts that they were made of.
local MOST, MOST_BYTES = 20000, 8 * 1024 * 1024

local decisions = two_ages.new(MOST, MOST_BYTES) -- by what the request shows
local ways = {} -- slot -> reason -> what all decisions for that slot and reason have in common
local routing_of, epoch -- the routing table and the keys of all that is kept
local refused_before -- how many tokens had been refused before the decision at hand

local _M = {}

local function forget_all(routing)
    decisions, ways = two_ages.new(MOST, MOST_BYTES), {}
    routing_of, epoch = routing, credentials.epoch
end

--- The decision that was kept for a request that shows this text (routing.request), as keep() made it; nil where there
-- is none that holds at `now`, in seconds.
function _M.find(shown, routing, now)
    if routing ~= routing_of or credentials.epoch ~= epoch then
        forget_all(routing)
        return nil
    end
    local kept = decisions:get(shown)
    if not kept or now > kept.good_until or kept.client and api_clients.line(kept.client) ~= kept.line then
        return nil
    end
    return kept
end

--- A decision is about to be taken that may be kept: `request` (routing.request) is the one at hand.
function _M.begin(request)
    request.is_looked_into, refused_before = false, refusals.count
end

-- Whether an identity was given with a newer state than the routing table is of: that is looked for with each request.
local function is_ahead(identity, routing)
    return identity ~= nil and identity.generation ~= nil and identity.generation > routing.generation
end

-- Whether the decision that was just taken about `request` would be the same again, without any effect of its own.
local function is_repeated(decision, request, routing)
    local session = decision.session
    return REPEATED[decision.reason] and not request.is_looked_into and refusals.count == refused_before
        and not decision.cookie and not decision.terms and not decision.page and not decision.posted
        and not decision.preview and (not session or session.cookie and session.is_pinned)
        and not is_ahead(decision.identity, routing) and not is_ahead(decision.pin, routing)
        and not (routing.is_split and request.asked_version())
end

-- The last second in which the activity of the app's own session has the expiry that it has now, and what is remembered
-- of it is not forgotten.
local function last_of_session(session, now)
    local forgotten = session.kept_until > 0 and session.kept_until - 1 or huge
    return min(cookie_sessions.same_until(now), forgotten)
end

-- The last second in which the decision holds: then a token ends, or the pin ends or is due to be made anew.
local function last_second(decision, now)
    local token, pin, session = decision.token, decision.pin, decision.session
    local last = token and token.good_until or huge
    if pin then
        last = min(last, pin.good_until, pinning.good_until(decision))
    end
    if session then
        last = min(last, last_of_session(session, now))
    end
    return last
end

local function way_of(slot, reason, routing)
    ways[slot] = ways[slot] or {}
    local way = ways[slot][reason]
    if not way then
        way = {
            slot = slot, reason = reason, series = slot_totals.series(slot.name, reason),
            version = slot.version, generation = format("%d", routing.generation),
            other_version = slot.upstream == slot.name and routing.slots[slot.other].version or nil,
        }
        ways[slot][reason] = way
    end
    return way
end

--- Keeps the decision that was just taken about `request`, if it would be the same again: `{way, good_until, sid}`,
-- with the `key`, `user`, `exp` and `issued` of its activity (activity.recorder) where it has any, and `is_lasting`
-- where it is. `way` is `{slot, reason, series, version, generation, other_version}`. There are as many as there are
-- sessions: with eight fields and no more a table takes half of what it takes with nine.
function _M.keep(decision, request, routing, now)
    if routing ~= routing_of or not is_repeated(decision, request, routing) then
        return
    end
    local good_until = last_second(decision, now)
    if now > good_until then
        return
    end
    local identity, holder, session = decision.identity, decision.holder, decision.session
    local kept = {
        way = way_of(decision.slot, decision.reason, routing), good_until = good_until,
        sid = identity.pin_sid or identity.sid, key = holder and holder.key,
        user = identity.user, exp = identity.exp, issued = identity.iat or identity.issued,
    }
    if request.is_lasting() then
        kept.is_lasting = true
    end
    if session then
        kept.client, kept.line = session.name, api_clients.line(session.name)
    end
    decisions:set(request.shown(), kept)
    if not request.cookie() then
        credentials.let_go(request.authorization())
    end
end

return _M
