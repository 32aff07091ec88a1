-- From a request to a slot. `decide` looks at what it shows for itself (tokens.credentials), asks routing.decision, and
-- lets a session move on where that is due (routing.migration): it changes nothing, so that control.explain can ask it,
-- too. `route` is the decision with its effects: activity, pages, the pin. Knows nothing of nginx variables: `request`
-- (routing.request) has a function for each header.

local recorder = require("bg.activity.recorder")
local base64url = require("bg.lib.base64url")
local api_clients = require("bg.tokens.api_clients")
local cookie = require("bg.lib.cookie")
local credentials = require("bg.tokens.credentials")
local crypto = require("bg.lib.crypto")
local decision = require("bg.routing.decision")
local files = require("bg.lib.files")
local lineage = require("bg.routing.lineage")
local migration = require("bg.routing.migration")
local navigation = require("bg.routing.navigation")
local page_versions = require("bg.routing.page_versions")
local pin = require("bg.tokens.pin")
local routing_table = require("bg.routing.routing_table")
local hot_file = require("bg.lib.hot_file")

local floor, max = math.floor, math.max

local SID_BYTES = 16

local settings -- also _M.settings: control.explain, bg.phases
local at_hand = { place = {} } -- the case of the request at hand

local _M = {}

--- Loads keys and sets up what routing needs. Raises on what must not be used.
function _M.init(given)
    settings, _M.settings = given, given
    credentials.init(given)
    _M.state = hot_file.new("state.json", function() return files.read(settings.state_file) end, routing_table.parse)
end

-- The slot of a request that a page makes, where that page is known to be of the version that its session has left.
local function page_slot(state, held_pin, request)
    if not held_pin or not held_pin.from then
        return nil
    end
    lineage.update(state, held_pin)
    local old = held_pin.left and state.by_version[held_pin.left]
    if not old or held_pin.now == held_pin.left or not page_versions.knows(held_pin.pages)
        or navigation.is_load(request) then
        return nil
    end
    local path = navigation.referrer(request)
    return path and page_versions.version(held_pin.pages, path) == old.version and old or nil
end

-- The slot of a request that such a page makes that was the answer to a POST from another site. No cookie came with
-- that, so it may be of another version than the session.
local function posted_slot(state, case, request)
    local posted = case.posted
    local slot = posted and lineage.slot_of_same(state, posted)
    if not slot or slot == case.slot or navigation.is_load(request) then
        return nil
    end
    local path = navigation.referrer(request)
    return path and page_versions.version(page_versions.of_post(posted.sid), path) == slot.version and slot or nil
end

-- Whether this page load takes its session along.
local function may_move(case, cookies, now)
    local who = case.who
    local asked = cookie.get(cookies, settings.update_cookie) ~= nil
    return migration.allowed(settings.migrate, asked, page_versions.knows(case.place.pages), function()
        -- A log-in whose token has stayed away is known under another key: it may have been busy all the time.
        return not who.bound and recorder.is_idle(who.key, settings.migrate_idle, now)
    end)
end

-- The slot to which it does: the one that a new session would get. In a preview that is the old version's.
local function moved_slot(state, case, request, cookies, now)
    local slot = case.slot
    if slot.state ~= "drain" or state.is_preview or not navigation.is_load(request)
        or not may_move(case, cookies, now) then
        return nil
    end
    local target = decision.fresh(state, crypto.fraction(case.who.sid))
    return target ~= slot and target or nil
end

-- The name of a browser's list of pages: it begins with the first page, and goes on with the pin.
local function list_name(case, request, is_slotted)
    if case.pin then
        return case.pin.pages
    end
    local begins = is_slotted and settings.keeps_pages and navigation.is_load(request)
    return begins and page_versions.name(case.place.sid) or nil
end

-- What a pin says of having moved on is kept for as long as the version that was left is served.
local function still_from(state, held_pin, version)
    if not held_pin or not held_pin.from then
        return nil
    end
    lineage.update(state, held_pin)
    local from = held_pin.now == version and held_pin.left
    return from and from ~= version and state.by_version[from] and from or nil
end

-- Who shows an API key, or an opaque token, and nothing that says a version. Not where a browser asks for a page: many
-- people may share one password (Basic), and each of them gets a pin.
local function client_of(request, now)
    return not navigation.is_page(request) and credentials.client(request, now) or nil
end

-- The slot, the rule that chose it, and whose request it is: one that is held to a slot, or a new session's.
local function choose(case, state, request, now)
    local held_pin = case.pin or case.posted
    local slot, rule = decision.held(state, case.token, held_pin, case.preview)
    local who = case.token or held_pin
    if rule == "preview" then
        who = who or case.preview
    elseif not slot then
        local client = not who and client_of(request, now) or nil
        rule = client and "credential" or (who or case.preview) and "retired" or "new"
        who = who or client or { sid = base64url.encode(crypto.random(SID_BYTES)) }
        slot = client and client.version and lineage.slot(state, client)
            or decision.fresh(state, crypto.fraction(who.sid))
    end
    case.slot, case.rule, case.who = slot, rule, who
end

-- Whether the log-in that a pin is bound to is over. Its Strict cookie stays away only from what another site asks for.
-- (With [pin] domain, a host that has no such cookie asks for as long as the log-in lasts.)
local function is_over(case, request)
    if case.token or settings.pin_domain ~= "" then
        return false
    end
    local site = request.site()
    return site ~= nil and site ~= "cross-site"
end

-- What the browser's pin should say of whose request it is, on the slot that was chosen.
local function find_place(case, state, request, is_slotted)
    local place, held_pin, who = case.place, case.pin, case.who
    place.sid, place.version, place.generation = who.pin_sid or who.sid, case.slot.version, state.generation
    place.bound = case.in_cookie or (held_pin ~= nil and held_pin.bound and held_pin.sid == place.sid
        and not is_over(case, request))
    place.from = still_from(state, held_pin, case.slot.version)
    place.pages = list_name(case, request, is_slotted)
    place.jar = settings.pin_jar
end

-- A token in a header comes from a script: only a browser that has loaded a page has a pin. It stays whose it is, and
-- lives on with what the script does.
local function keep_pin(case, state)
    local held_pin = case.pin
    if held_pin and lineage.slot(state, held_pin) == case.slot then
        case.place.sid, case.place.bound = held_pin.sid, held_pin.bound
        return true
    end
    return false
end

-- For how many seconds a new pin is good, where one is due. Beside a token in a cookie it lasts for as long as that: a
-- link from another site brings the pin alone, also after days. The same where the session has moved on: it must not
-- fall back to the token's version. It is made to last a little longer than it must, so that it need not be made anew
-- with each answer.
local function pin_life(case, now)
    local place, held_pin, idle = case.place, case.pin, settings.pin_idle
    local exp, least = now + idle + floor(idle / 2), now + idle
    if case.token and (case.in_cookie or place.from) then
        exp, least = max(exp, case.token.exp + floor(idle / 2)), max(least, case.token.exp)
    end
    if held_pin and held_pin.bound and place.bound and held_pin.sid == place.sid then
        exp = max(exp, held_pin.exp)
    end
    return pin.due(held_pin, place, least) and exp - now or nil
end

-- A pin is due: whether the answer may bring it. Not to a POST from another site: the browser may well have a pin,
-- which has stayed away from it. Only if that answer is a log-in, the pin goes along; else a cookie of another kind
-- says which version that page is of, where that matters. And not to what is no page and brings no cookie: robots, API
-- clients, files that pages load.
local function settle_pin(case, state, request, cookies)
    if navigation.is_foreign_post(request) then
        case.login_life, case.life = case.life, nil
        if not case.token and not case.pin and state.is_split and navigation.is_page(request) then
            case.page_life = settings.pin_idle
        end
    elseif not case.pin and (cookies or "") == "" and not navigation.is_page(request)
        and not navigation.is_own_fetch(request) then
        case.life = nil
    end
end

-- A preview leaves a browser as it was: no pin, and nobody moves. But what it loads is of this version, and a tab may
-- show it for longer: on the list that the browser has, or will have.
local function decide_preview(case, is_slotted)
    local who = case.who
    case.list = is_slotted and (case.pin and case.pin.pages or case.token and page_versions.name(who.pin_sid)) or nil
end

-- The page that asks may decide for itself; else a page that is loaded may take its session along.
local function decide_page(case, state, request, cookies, now, is_slotted)
    case.is_script = not case.in_cookie and (case.rule == "token" or case.rule == "moved")
    local may_pin = not case.is_script or keep_pin(case, state)
    case.page = page_slot(state, case.pin, request)
    local list = case.page and case.pin.pages
    if not case.page then
        case.page = posted_slot(state, case, request)
        list = case.page and page_versions.of_post(case.posted.sid)
    end
    if case.page and is_slotted then
        case.slot, case.rule, case.list = case.page, "page", list
    elseif is_slotted and not case.is_script then
        local target = moved_slot(state, case, request, cookies, now)
        if target then
            case.place.from, case.place.version = case.slot.version, target.version
            case.slot, case.rule = target, "migrated"
        end
        case.list = case.place.pages
    end
    case.life = may_pin and pin_life(case, now) or nil
end

--- Fills `case` (with a table `place` in it) with what is decided for a request at `now` (seconds); nil while no state
-- has been read yet. Nothing else changes; `quietly`: not even what is counted of bad tokens. `is_slotted`: the slot
-- really serves this request, so that a page may come from it. Fields: `slot` (routing.routing_table) and `rule`; `who`
-- it is, without a `key` if it is nobody yet; `token` (`in_cookie`), `pin` and `preview` as far as they verify; `page`:
-- the slot of the old page that asks; `list`: where what is loaded here is noted (routing.page_versions); `life`: of a
-- new pin that says `place`, where one is due. A token from the cookie gets a pin beside it: on the first navigation
-- from another site the Strict cookie stays away, and the Lax pin then holds the version. `posted`: the page that
-- answered a POST from another site, where the browser has one. For such a POST itself: `login_life` of the pin that
-- goes along if the answer is a log-in, and `page_life` of the cookie that names the page.
function _M.decide(case, request, now, is_slotted, quietly)
    local state = _M.state.value
    if not state then
        return nil
    end
    local cookies = request.cookie()
    case.token, case.in_cookie = credentials.session(request.authorization(), cookies, now, quietly)
    case.pin, case.preview = credentials.pin(cookies, now, quietly), credentials.preview(cookies, now, quietly)
    case.posted = state.is_split and credentials.posted(cookies, now, quietly) or nil
    case.page, case.list, case.life, case.is_script = nil, nil, nil, false
    case.login_life, case.page_life = nil, nil
    choose(case, state, request, now)
    if case.rule == "preview" then
        decide_preview(case, is_slotted)
        return case
    elseif case.rule == "credential" then -- it has no jar for a pin, and no pages
        return case
    end
    find_place(case, state, request, is_slotted)
    decide_page(case, state, request, cookies, now, is_slotted)
    if case.life then
        settle_pin(case, state, request, cookies)
    end
    return case
end

-- Notes the request as activity on `version`, and returns the holder. Nobody is a visitor before coming back with a
-- pin: what keeps no cookies would be counted with every request.
local function note(who, key, version, request)
    if not key then
        return nil
    end
    local user = who.user
    if not user and who.bound and request.site() == "cross-site" then
        return nil -- a log-in whose Strict cookie has stayed away: it is no visitor, and its next request tells
    end
    return recorder.note(key, user, who.exp, version, who.issued)
end

-- Remembers which version a client without a jar has been given: the first time, when it is another one by now, and
-- half-way through the time for which it is remembered.
local function keep_client(who, version, generation, now)
    local window = settings.active_window
    if who.version ~= version or who.exp - now < window / 2 then
        who.exp = now + window
        api_clients.keep(who.sid, version, generation, who.exp, now)
    end
end

-- Activity and pages. Returns the holder.
local function take_effect(case, request, now)
    local who, slot = case.who, case.slot
    if case.rule == "credential" then
        keep_client(who, slot.version, _M.state.value.generation, now)
    elseif case.page_life then
        page_versions.note(page_versions.of_post(case.place.sid), request.path(), slot.version)
    end
    if (case.rule == "page" or page_versions.knows(case.list)) and navigation.may_refer(request) then
        page_versions.note(case.list, request.path(), slot.version)
    end
    if case.life and case.in_cookie and case.pin and case.pin.sid ~= case.place.sid then
        recorder.gone(case.pin.sid) -- the visitor has logged in
    end
    local page_holder
    if case.page and who.key then
        page_holder = note(who, recorder.page_key(who.key, case.page.version), case.page.version, request)
    end
    if case.rule == "page" then
        return page_holder
    end
    return note(who, who.key, slot.version, request)
end

-- On what terms nginx sends the pin (nginx/maps.conf.j2), where not on the usual ones: "surely" also with an answer
-- that shared caches may store, because the session has moved with it; "login" only with a log-in; else another cookie
-- that is sent where this answer is no log-in. "private": there is no pin, but what is shown is for this browser alone.
local function pin_terms(case, now)
    if case.page_life then
        return credentials.page_cookie(case.place, case.page_life, now)
    elseif case.login_life then
        return "login"
    end
    return case.rule == "preview" and "private" or case.life and case.rule == "migrated" and "surely" or nil
end

--- The slot of a request, the rule that chose it, the Set-Cookie value of a pin where one is due, the holder of the
-- request (activity.recorder), whose it is: an identity (tokens.token), or `{sid}` of a new session; and the terms on
-- which the pin is sent, nil for the usual ones. See decide().
function _M.route(request, now, is_slotted)
    local case = _M.decide(at_hand, request, now, is_slotted)
    if not case then
        return nil
    end
    local holder = take_effect(case, request, now)
    local life = case.life or case.login_life
    local cookie_value = life and credentials.pin_cookie(case.place, life, now) or nil
    return case.slot, case.rule, cookie_value, holder, case.who, pin_terms(case, now)
end

return _M
