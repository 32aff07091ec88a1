-- What a browser's pin should say after a request, for how long a new one is good, and on what terms the answer brings
-- it. Works on the decision about a request (routing.router), and changes nothing else.

local lineage = require("bg.routing.lineage")
local navigation = require("bg.routing.navigation")
local page_versions = require("bg.routing.page_versions")
local pin = require("bg.tokens.pin")
local reasons = require("bg.lib.reasons")

local floor, max = math.floor, math.max

local PREVIEW, MIGRATED = reasons.PREVIEW, reasons.MIGRATED

local settings

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
end

-- The name of a browser's list of pages. The list begins with the first page that the browser loads, and its name goes
-- on with the pin.
local function list_name(decision, request, is_slotted)
    if decision.pin then
        return decision.pin.pages
    end
    local begins = is_slotted and settings.keeps_pages and navigation.is_load(request)
    return begins and page_versions.name(decision.pin_claims.sid) or nil
end

-- The version that the session has moved on from, for as long as that version is served; otherwise nil.
local function still_from(routing, old_pin, version)
    if not old_pin or not old_pin.from then
        return nil
    end
    lineage.update(routing, old_pin)
    local from = old_pin.now == version and old_pin.left
    return from and from ~= version and routing.by_version[from] and from or nil
end

-- Whether the log-in that a pin is bound to has ended. Its cookie is SameSite=Strict, and stays away only from what
-- another site asks for. (With [pin] domain a host that has no such cookie asks for as long as the log-in lasts.)
local function is_over(decision, request)
    if decision.token or settings.pin_domain ~= "" then
        return false
    end
    local site = request.site()
    return site ~= nil and site ~= "cross-site"
end

--- Fills in the claims that the browser's pin should have, of whose request it is, on the slot that was chosen.
function _M.fill(decision, routing, request, is_slotted)
    local claims, old_pin, identity = decision.pin_claims, decision.pin, decision.identity
    claims.sid, claims.version = identity.pin_sid or identity.sid, decision.slot.version
    claims.generation = decision.generation
    claims.bound = decision.in_cookie or decision.session ~= nil or (old_pin ~= nil and old_pin.bound
        and old_pin.sid == claims.sid and not is_over(decision, request))
    claims.from = still_from(routing, old_pin, decision.slot.version)
    claims.pages = list_name(decision, request, is_slotted)
    claims.jar = settings.pin_jar
end

--- Keeps the session of the pin that the browser has, where the pin has the slot that was chosen; returns whether it
-- does. This is for requests with a token in a header: they come from scripts, which must not replace the browser's
-- pin, only extend its life.
function _M.keep(decision, routing)
    local old_pin, claims = decision.pin, decision.pin_claims
    if old_pin and lineage.slot(routing, old_pin) == decision.slot then
        claims.sid, claims.bound = old_pin.sid, old_pin.bound
        return true
    end
    return false
end

--- For how many seconds a new pin is good; nil where none is due. Beside a token in a cookie a pin lasts for as long as
-- the token: a link from another site brings the pin alone, also after days. So it does where the session has moved on,
-- which must not fall back to the token's version. Of a session of the app's own nobody knows how long it lasts (its
-- cookie does not say it, and its tokens are renewed): beside that a pin is good for as long as a token may be, since
-- the last half hour (`pin_idle`) or less. A pin lasts a little longer than it must, so that not every answer has to
-- bring a new one.
function _M.life(decision, now)
    local claims, old_pin, token = decision.pin_claims, decision.pin, decision.token
    local idle = settings.pin_idle
    local exp, least = now + idle + floor(idle / 2), now + idle
    if token and (decision.in_cookie or claims.from) then
        exp, least = max(exp, token.exp + floor(idle / 2)), max(least, token.exp)
    elseif decision.session then
        local longest = now + settings.token_longest
        exp, least = max(exp, longest), max(least, longest - idle)
    end
    if old_pin and old_pin.bound and claims.bound and old_pin.sid == claims.sid then
        exp = max(exp, old_pin.exp)
    end
    return pin.due(old_pin, claims, least) and exp - now or nil
end

--- The last second in which life() finds that no pin is due, for a request with the same pin and the same claims, for
-- which none is due now.
function _M.good_until(decision)
    local is_session_alone = decision.session and not decision.token
    return decision.pin.exp - (is_session_alone and settings.token_longest - settings.pin_idle or settings.pin_idle)
end

--- A pin is due: settles whether the answer may bring it. The answer to a POST from another site may not: the browser
-- may well have a pin, which stayed away from the POST. The pin goes along only if that answer turns out to be a
-- log-in; otherwise, where that matters, the page cookie says which version the page is of. Nor may an answer that is
-- no page, to a request without cookies: those are robots, API clients, and files that pages load.
function _M.settle(decision, routing, request, cookies)
    if navigation.is_foreign_post(request) then
        decision.login_life, decision.life = decision.life, nil
        if not decision.token and not decision.pin and routing.is_split and navigation.is_page(request) then
            decision.page_life = settings.pin_idle
        end
    elseif not decision.pin and (cookies or "") == "" and not navigation.is_page(request)
        and not navigation.is_own_fetch(request) then
        decision.life = nil
    end
end

--- The terms on which nginx sends the pin (nginx/maps.conf.j2), nil for the usual ones. "surely": also with an answer
-- that shared caches may store, because the session has moved with it. "login": only with a log-in. "private": there is
-- no pin, but the answer is for this browser alone.
function _M.terms(decision)
    if decision.login_life then
        return "login"
    elseif decision.reason == PREVIEW then
        return "private"
    end
    return decision.life and decision.reason == MIGRATED and "surely" or nil
end

return _M
