-- From a request to its slot. `decide` looks at what the request shows of itself (tokens.credentials), applies the
-- rules (routing.rules), and lets a session move on where that is due (routing.move). It changes nothing, so that
-- control.explain can ask it as well. `route` is the decision together with its effects. Knows nothing of nginx
-- variables: `request` (routing.request) has a function for each header.

local asked_version = require("bg.routing.asked_version")
local base64url = require("bg.lib.base64url")
local cookie_answers = require("bg.routing.cookie_answers")
local cookie_sessions = require("bg.tokens.cookie_sessions")
local credentials = require("bg.tokens.credentials")
local crypto = require("bg.lib.crypto")
local effects = require("bg.routing.effects")
local decision_cache = require("bg.routing.decision_cache")
local files = require("bg.lib.files")
local hot_file = require("bg.lib.hot_file")
local lineage = require("bg.routing.lineage")
local move = require("bg.routing.move")
local navigation = require("bg.routing.navigation")
local old_page = require("bg.routing.old_page")
local page_versions = require("bg.routing.page_versions")
local pinning = require("bg.routing.pinning")
local reasons = require("bg.lib.reasons")
local recorder = require("bg.activity.recorder")
local routing_table = require("bg.routing.routing_table")
local rules = require("bg.routing.rules")
local signed_cookies = require("bg.tokens.signed_cookies")
local token_sessions = require("bg.tokens.token_sessions")

local max = math.max

local PREVIEW, PAGE, MOVED, TOKEN = reasons.PREVIEW, reasons.PAGE, reasons.MOVED, reasons.TOKEN
local CREDENTIAL, NEW, RETIRED, MIGRATED = reasons.CREDENTIAL, reasons.NEW, reasons.RETIRED, reasons.MIGRATED
local SID_BYTES = 16

local sought = 0 -- the highest generation for which the state was read out of turn

-- The decision about the request at hand, one table for all requests: nothing that is decided here yields.
local at_hand = { pin_claims = {} }

local _M = {}

--- Loads keys and sets up what routing needs. Raises on keys that must not be used. `_M.settings` are these settings,
-- for control.explain and bg.phases; `_M.state_file` is the hot file with the routing table.
function _M.init(settings)
    _M.settings = settings
    credentials.init(settings)
    for _, module in ipairs({ cookie_answers, effects, move, pinning }) do
        module.init(settings)
    end
    _M.state_file = hot_file.new("state.json", function() return files.read(settings.state_file) end,
        routing_table.parse)
end

--- The routing table in force (routing.routing_table), or nil while no state has been read yet.
function _M.routing()
    return _M.state_file.value
end

-- The identity of an API client, or nil. A browser that asks for a page is none: many people may share one password
-- (Basic), and each of them gets a pin.
local function client_of(request, now)
    return not navigation.is_page(request) and credentials.client(request, now) or nil
end

-- Chooses the slot and the reason for it, and finds out whose request it is: an identity that sticks to a slot, or a
-- new session's.
local function choose(decision, routing, request, now)
    local pin = decision.pin or decision.posted
    local session = decision.session
    local slot, reason, named_by = rules.sticky(routing, decision.token, pin, decision.preview, session)
    local identity = decision.token or session or pin
    if reason == PREVIEW then
        identity = identity or decision.preview
    elseif not slot then
        local client = not identity and client_of(request, now) or nil
        local named = decision.token or pin or session and session.version or decision.preview
        reason = client and CREDENTIAL or named and RETIRED or NEW
        identity = identity or client or { sid = base64url.encode(crypto.random(SID_BYTES)) }
        slot = client and client.version and lineage.slot(routing, client)
        named_by = slot and client
        slot = slot or rules.fresh(routing, crypto.fraction(identity.sid))
    end
    decision.slot, decision.reason, decision.identity = slot, reason, identity
    decision.generation = named_by and lineage.generation(routing, named_by, slot) or routing.generation
end

-- What the request shows of itself, as far as it verifies.
local function read_credentials(decision, routing, request, cookies, now, quietly)
    decision.token, decision.in_cookie = credentials.session(request, cookies, now, quietly)
    decision.pin = signed_cookies.pin(cookies, now, quietly)
    local token = decision.token
    if not token then
        decision.session = cookie_sessions.session(cookies, decision.pin, now)
    elseif token.version then
        decision.session = nil
    else
        decision.token = nil
        decision.session = token_sessions.session(token, decision.in_cookie, decision.pin, now)
    end
    decision.preview = signed_cookies.preview(cookies, now, quietly)
    decision.posted = routing.is_split and signed_cookies.posted(cookies, now, quietly) or nil
end

-- Whether an identity was made, or last seen, with a newer state than this worker has read.
local function is_ahead(identity, routing)
    local generation = identity and identity.generation
    return generation and generation > routing.generation and generation > sought
end

-- Every worker reads the state for itself, every 50 ms. In between, a session may come here that has got its version
-- from a worker which has read more: to this one it is a version that no slot serves. Then the file is read at once.
-- Once for a generation: where an older state was put back in place, it does not have that one yet.
local function catch_up(decision, routing, request, cookies, now)
    local identity, pin = decision.identity, decision.pin
    if not (is_ahead(identity, routing) or is_ahead(pin, routing)) then
        return routing
    end
    sought = max(identity.generation or 0, pin and pin.generation or 0)
    _M.state_file:poll()
    routing = _M.routing()
    read_credentials(decision, routing, request, cookies, now, true)
    choose(decision, routing, request, now)
    return routing
end

-- A preview leaves a browser as it was: it gets no pin, and its session does not move. But a tab may show what it loads
-- here for longer, so that this goes onto the list that the browser has, or will have.
local function decide_preview(decision, is_slotted)
    local pin, token = decision.pin, decision.token
    decision.list = is_slotted and (pin and pin.pages or token and page_versions.name(decision.identity.pin_sid)) or nil
end

-- Looks for the page that asks: `page` is the slot that serves it, or nil, and the list on which it stands is returned.
local function find_page(decision, routing, request)
    decision.page = old_page.of_moved(routing, decision.pin, request)
    if decision.page then
        return decision.pin.pages
    end
    decision.page = old_page.of_post(routing, decision.posted, request, decision.slot)
    return decision.page and page_versions.of_post(decision.posted.sid)
end

-- The page that asks may decide the slot; otherwise the load of a page may take its session along.
local function decide_page(decision, routing, request, now, is_slotted)
    local reason, session = decision.reason, decision.session
    decision.is_script = not decision.in_cookie and (reason == TOKEN or reason == MOVED)
        or session ~= nil and session.is_script == true
    local may_pin = not decision.is_script or pinning.keep(decision, routing)
    local list = find_page(decision, routing, request)
    if decision.page and is_slotted then
        decision.slot, decision.reason, decision.list = decision.page, PAGE, list
    elseif is_slotted and not decision.is_script then
        local target = move.is_possible(request) and move.target(decision, routing, request, now)
        if target then
            decision.pin_claims.from, decision.pin_claims.version = decision.slot.version, target.version
            decision.slot, decision.reason = target, MIGRATED
        end
        decision.list = decision.pin_claims.pages
    end
    decision.life = may_pin and pinning.life(decision, now) or nil
end

--- Fills `decision` (a table with a table `pin_claims` in it) with what is decided for a request at `now` (seconds);
-- returns nil while no state has been read yet. Nothing else changes; `quietly`: not even refused tokens are counted.
-- `is_slotted`: the slot really serves this request, so that a page may come from it. Fields: `slot`
-- (routing.routing_table), the `reason` for it, and the `generation` of the state by which it has this session;
-- `identity`, whose request it is (without a `key` while that is not
-- known); `token` (it came `in_cookie`), `pin`, `preview` and `posted` (routing.old_page), identities as far as they
-- verify; `session`, where a token says whose it is and no version (tokens.token_sessions), or a cookie of the app
-- says it (tokens.cookie_sessions), instead of `token`; `page`, the slot of the old page that asks; `list`, where a
-- page that is loaded here is noted (routing.page_versions); `life` of a new pin with `pin_claims`, where one is due.
-- A token in the cookie gets a pin beside it: on the first navigation from another site the Strict cookie stays away,
-- and the Lax pin then keeps the version. For a POST from another site: `login_life` of the pin that goes along if the
-- answer is a log-in, and `page_life` of the page cookie.
function _M.decide(decision, request, now, is_slotted, quietly)
    local routing = _M.routing()
    if not routing then
        return nil
    end
    local cookies = request.cookie()
    read_credentials(decision, routing, request, cookies, now, quietly)
    decision.page, decision.list, decision.life, decision.is_script = nil, nil, nil, false
    decision.login_life, decision.page_life = nil, nil
    choose(decision, routing, request, now)
    routing = catch_up(decision, routing, request, cookies, now)
    if decision.reason == PREVIEW then
        decide_preview(decision, is_slotted)
        return decision
    elseif decision.reason == CREDENTIAL then -- an API client keeps no pin, and shows no pages
        return decision
    end
    pinning.fill(decision, routing, request, is_slotted)
    decide_page(decision, routing, request, now, is_slotted)
    if decision.life then
        pinning.settle(decision, routing, request, cookies)
    end
    return decision
end

--- The decision about the request at hand, of a slotted location, as it was kept (routing.decision_cache), and its
-- holder (activity.recorder), which may be nil; nil where it has to be taken anew. Its effects are those of route().
function _M.again(request, now)
    local routing = _M.state_file.value
    if not routing or routing.is_split and request.asked_version() then
        return nil
    end
    local kept = decision_cache.find(request.shown(), routing, now)
    if not kept or not kept.key then
        return kept
    end
    return kept, recorder.note(kept.key, kept.user, kept.exp, kept.way.version, kept.issued)
end

--- Decides about the request at hand, and puts the decision into effect; nil while no state has been read yet. Where
-- the same request would be decided the same, that is kept (routing.decision_cache). Further
-- fields of the decision: `holder` of the request (activity.recorder), `cookie` (the Set-Cookie value of a new pin,
-- where one is due), and the `terms` on which nginx sends it (routing.pinning), or another cookie that nginx sends
-- where the answer is no log-in. The decision is good until the next request is decided.
function _M.route(request, now, is_slotted)
    decision_cache.begin(request)
    local decision = _M.decide(at_hand, request, now, is_slotted)
    if not decision then
        return nil
    end
    decision.holder = effects.take(decision, request, now)
    local life = decision.life or decision.login_life
    decision.cookie = life and signed_cookies.pin_cookie(decision.pin_claims, life, now) or nil
    decision.terms = decision.page_life and signed_cookies.page_cookie(decision.pin_claims, decision.page_life, now)
        or pinning.terms(decision)
    asked_version.apply(decision, _M.routing(), request, is_slotted) -- comes last: all else is the session's
    if is_slotted then
        decision_cache.keep(decision, request, _M.routing(), now)
    end
    return decision
end

return _M
