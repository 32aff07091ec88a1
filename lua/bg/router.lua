-- From a request to a slot: looks at what it shows for itself (bg.credentials), asks bg.decision, lets a session
-- move on where that is due (bg.migration), and says which pin it gets. Knows nothing of nginx variables: `request`
-- (bg.phases) has a function for each header.

local activity = require("bg.activity")
local base64url = require("bg.base64url")
local cookie = require("bg.cookie")
local credentials = require("bg.credentials")
local crypto = require("bg.crypto")
local decision = require("bg.decision")
local files = require("bg.files")
local migration = require("bg.migration")
local page = require("bg.page")
local pages = require("bg.pages")
local pin = require("bg.pin")
local routes = require("bg.routes")
local watched = require("bg.watched")

local max = math.max

local SID_BYTES = 16

local settings
local place = {} -- of the request at hand: what its pin should say

local _M = {}

--- Loads keys and sets up what routing needs. Raises on what must not be used.
function _M.init(given)
    settings = given
    credentials.init(given)
    _M.state = watched.new("state.json", function() return files.read(settings.state_file) end, routes.parse)
end

-- The slot of a request that a page makes, where that page is known to be of the version that its session has left.
local function page_slot(state, held_pin, request)
    local old = held_pin and held_pin.from and state.by_version[held_pin.from]
    if not old or held_pin.version == held_pin.from or not pages.knows(held_pin.pages) or page.is_load(request) then
        return nil
    end
    local path = page.referrer(request)
    return path and pages.version(held_pin.pages, path) == old.version and old or nil
end

-- The slot to which this page load takes its session along, if it does: the one that a new session would get.
local function moved_slot(state, slot, who, request, cookies, now)
    if slot.state ~= "drain" or not page.is_load(request) then
        return nil
    end
    local asked = cookie.get(cookies, settings.update_cookie) ~= nil
    local moves = migration.allowed(settings.migrate, asked, pages.knows(place.pages), function()
        -- A log-in whose token has stayed away is known under another key: it may have been busy all the time.
        return not who.bound and activity.is_idle(who.key, settings.migrate_idle, now)
    end)
    local target = moves and decision.fresh(state, crypto.fraction(who.sid))
    return target and target ~= slot and target or nil
end

-- The name of a browser's list of pages: it begins with the first page, and goes on with the pin.
local function list_name(held_pin, request, is_slotted)
    if held_pin then
        return held_pin.pages
    end
    return is_slotted and settings.keeps_pages and page.is_load(request) and pages.name(place.sid) or nil
end

-- What a pin says of having moved on is kept for as long as the version that was left is served.
local function still_from(state, held_pin, version)
    local from = held_pin and held_pin.version == version and held_pin.from
    return from and from ~= version and state.by_version[from] and from or nil
end

-- Notes the request as activity, and returns the holder. Nobody is a visitor before coming back with a pin: what
-- keeps no cookies would be counted with every request.
local function note(who, slot, rule, request)
    if rule == "new" then
        return nil
    end
    local key, user = who.key, who.user
    if not user and who.bound and request.site() == "cross-site" then
        return nil -- a log-in whose Strict cookie has stayed away: it is no visitor, and its next request tells
    end
    if rule == "page" then
        key = activity.page_key(key, slot.version)
    end
    return activity.note(key, user, who.exp, slot.version)
end

-- The slot, the rule that chose it, and whose request it is: one that is held to a slot, or a new session's.
local function decide(state, token, held_pin)
    local slot, rule = decision.held(state, token, held_pin)
    local who = token or held_pin
    if slot then
        return slot, rule, who
    end
    rule = who and "retired" or "new"
    who = who or { sid = base64url.encode(crypto.random(SID_BYTES)) }
    return decision.fresh(state, crypto.fraction(who.sid)), rule, who
end

-- What the browser's pin should say of `who` on this slot.
local function find_place(state, slot, who, in_cookie, held_pin, request, is_slotted)
    place.sid, place.version = who.pin_sid or who.sid, slot.version
    place.bound = in_cookie or (held_pin ~= nil and held_pin.bound and held_pin.sid == place.sid)
    place.from = still_from(state, held_pin, slot.version)
    place.pages = list_name(held_pin, request, is_slotted)
end

-- A page may be loaded, which may take its session along. The slot and the rule that come of it.
local function load_page(state, slot, rule, who, request, cookies, now)
    local target = moved_slot(state, slot, who, request, cookies, now)
    if target then
        place.from, place.version = slot.version, target.version
        slot, rule = target, "migrated"
    end
    if pages.knows(place.pages) and page.may_refer(request) then
        pages.note(place.pages, request.path(), slot.version)
    end
    return slot, rule
end

-- The Set-Cookie value of the pin, where one is due. The pin of a session that has moved on lasts for as long as its
-- token: it must not fall back to the token's version.
local function due_pin(token, held_pin, now)
    local life = place.from and token and max(token.exp - now, settings.pin_idle) or settings.pin_idle
    return pin.due(held_pin, place, life, now) and credentials.pin_cookie(place, life, now) or nil
end

-- A request with its token in a header, from a script: only a browser that has loaded a page has a pin. It stays whose
-- it is, and lives on with what the script does.
local function slide_pin(token, held_pin, slot, now)
    if not held_pin or held_pin.version ~= slot.version then
        return nil
    end
    place.sid, place.bound = held_pin.sid, held_pin.bound
    return due_pin(token, held_pin, now)
end

-- A page of the version that its session has left asks for something. What it gets may ask for more.
local function serve_old_page(old, token, held_pin, request, now)
    if page.may_refer(request) then
        pages.note(held_pin.pages, request.path(), old.version)
    end
    return due_pin(token, held_pin, now)
end

--- What is decided for a request at `now` (seconds): the slot (bg.routes), the rule that chose it, the Set-Cookie
-- value of a pin where one is due, the holder of the request (bg.activity), and whose it is: an identity (bg.token),
-- or `{sid}` of a new session. Nil while no state has been read yet. `is_slotted`: the slot really serves this request,
-- so that a page may come from it. A token from the cookie gets a pin beside it: on the first navigation from another
-- site the Strict cookie stays away, and the Lax pin then holds the version.
function _M.route(request, now, is_slotted)
    local state = _M.state.value
    if not state then
        return nil
    end
    local cookies = request.cookie()
    local token, in_cookie = credentials.session(request.authorization(), cookies, now)
    local held_pin = credentials.pin(cookies, now)
    local slot, rule, who = decide(state, token, held_pin)
    find_place(state, slot, who, in_cookie, held_pin, request, is_slotted)

    local other = page_slot(state, held_pin, request)
    local page_holder = other and note(who, other, "page", request)
    if other and is_slotted then
        return other, "page", serve_old_page(other, token, held_pin, request, now), page_holder, who
    end
    if not in_cookie and (rule == "token" or rule == "moved") then
        return slot, rule, slide_pin(token, held_pin, slot, now), note(who, slot, rule, request), who
    end
    if is_slotted then
        slot, rule = load_page(state, slot, rule, who, request, cookies, now)
    end
    if in_cookie and held_pin and held_pin.sid ~= place.sid then
        activity.gone(held_pin.sid) -- the visitor has logged in
    end
    return slot, rule, due_pin(in_cookie and token, held_pin, now), note(who, slot, rule, request), who
end

return _M
