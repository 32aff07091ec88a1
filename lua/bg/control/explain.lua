-- Which slot would a request get, and why? The decision is routing.router's own; what is said here is each rule that it
-- tried, in order, with what came of it. Nothing is changed, counted or minted.

local recorder = require("bg.activity.recorder")
local cookie = require("bg.lib.cookie")
local credentials = require("bg.tokens.credentials")
local crypto = require("bg.lib.crypto")
local decision = require("bg.routing.decision")
local checks = require("bg.health.checks")
local lineage = require("bg.routing.lineage")
local location = require("bg.control.location")
local navigation = require("bg.routing.navigation")
local page_versions = require("bg.routing.page_versions")
local router = require("bg.routing.router")
local timestamp = require("bg.lib.timestamp")

local concat = table.concat
local format = string.format

-- What is wrong with a token, by reason (docs/tokens.md). Never a word of the token itself.
local REASONS = {
    too_large = "longer than 8192 bytes",
    malformed = "not three segments of base64url with strict JSON in them",
    crit = "it has a crit, b64 or enc header",
    unknown_kid = "its kid names no key in the ring, or none any more",
    alg = "its alg is not that of its key",
    signature = "its signature is not its key's: forged, or damaged",
    issuer = "of another issuer",
    expired = "expired",
    not_yet = "issued in the future",
    too_long = "it lasts longer than [tokens] longest allows",
    claims = "a claim is missing or not of its kind",
}

local _M = {}

local function moment(seconds)
    return timestamp.format(seconds) or "an unknown time"
end

local function percent(share)
    return format("%g %%", share * 100)
end

local function fault_text(fault)
    if fault.reason == "too_long" then
        return format("good until %s, longer than [tokens] longest allows", moment(fault.at))
    elseif fault.reason == "expired" then
        return "expired at " .. moment(fault.at)
    end
    return fault.why or REASONS[fault.reason] or fault.reason
end

-- Every cause at once: who mends one and is told of the next has been sent in circles.
local function rejected(worth)
    local causes = {}
    for i, fault in ipairs(worth.faults) do
        causes[i] = fault_text(fault)
    end
    -- What was wrong a moment ago may have passed.
    local why = #causes > 0 and concat(causes, "; ") or REASONS[worth.reason] or worth.reason
    return { outcome = "rejected", reason = worth.reason, why = why }
end

-- What came of a credential that says a version: it decided, it would have, or nobody serves that.
local function credential(facts, worth, what, decided)
    if not worth then
        return { outcome = "absent", why = "the request has no " .. what }
    elseif not worth.identity then
        return rejected(worth)
    end
    local slot = lineage.slot(facts.state, worth.identity)
    local version, chain = worth.identity.now, lineage.chain(facts.state, worth.identity)
    local why = "says " .. chain[1]
    if #chain > 1 then
        why = why .. ", whose sessions went to " .. concat(chain, " and on to ", 2)
    end
    why = why .. (slot and format(", which %s serves", slot.name) or ", which no slot serves")
    return {
        outcome = decided and "used" or slot and "outranked" or "retired",
        version = version, slot = slot and slot.name, why = why,
    }
end

-- A preview shows one candidate: not another one that comes later under the same name.
local function preview(facts)
    local row = credential(facts, facts.shown.preview, "preview cookie", facts.case.rule == "preview")
    if row.outcome == "outranked" then
        row.outcome, row.why = "retired", "of a candidate that was taken back"
    end
    return row
end

-- Why the page that answered a POST from another site does not decide; nil where it does, or where there is none.
local function no_posted_page(facts)
    local case, request = facts.case, facts.request
    local posted = case.posted
    if not posted or navigation.is_load(request) or not navigation.referrer(request) then
        return nil
    end
    local version = page_versions.version(page_versions.of_post(posted.sid), navigation.referrer(request))
    return version and format("the page that asks is of %s", version) or nil
end

-- Why the page that asks does not decide; nil where it does.
local function no_page(facts)
    local request, held_pin = facts.request, facts.case.pin
    local of_post = no_posted_page(facts)
    if of_post then
        return of_post
    end
    if not held_pin or not held_pin.from then
        return "the pin does not say that this browser has moved on"
    end
    lineage.update(facts.state, held_pin)
    if not held_pin.left or not facts.state.by_version[held_pin.left] then
        return format("%s, which it has left, is not served any more", held_pin.from)
    elseif held_pin.now == held_pin.left then
        return format("its session is on %s again", held_pin.left)
    elseif not page_versions.knows(held_pin.pages) then
        return "its pages are not known"
    elseif navigation.is_load(request) then
        return "a page load: what the tab showed is gone"
    elseif not navigation.referrer(request) then
        return "no Referer names a page of this site"
    end
    local version = page_versions.version(held_pin.pages, navigation.referrer(request))
    if version ~= held_pin.left then
        return format("the page that asks is of %s", version or "no version that is known")
    end
end

-- Why the load of a page does not take the session along; nil where it does.
local function no_move(facts)
    local case, settings = facts.case, facts.settings
    if case.rule == "preview" or case.rule == "page" then
        return "decided already"
    elseif case.rule == "credential" then
        return "not the load of a whole page"
    elseif not facts.is_slotted then
        return "this service is shared by both versions"
    elseif case.is_script then
        return "a token in a header moves with a page, or with a new token"
    elseif case.slot.state ~= "drain" then
        return format("%s is not draining", case.slot.name)
    elseif facts.state.is_preview then
        return "nobody has been sent to the new version yet"
    elseif not navigation.is_load(facts.request) then
        return "not the load of a whole page"
    elseif cookie.get(facts.request.cookie(), settings.update_cookie) then
        return "a new session would get the same slot"
    elseif settings.migrate == "never" then
        return "[drain] migrate is never, and the user has not asked"
    elseif not page_versions.knows(case.place.pages) then
        return "not every page that the browser may have open is known"
    elseif settings.migrate == "idle" and (case.who.bound
        or not recorder.is_idle(case.who.key, settings.migrate_idle, facts.now)) then
        return format("it was not idle for %d s", settings.migrate_idle)
    end
    return "a new session would get the same slot"
end

local function fresh(facts)
    local case, share = facts.case, facts.state.green_share
    local is_used = case.rule == "new" or case.rule == "retired"
    local why = format("%s of new sessions get green", percent(share))
    if not is_used then
        return { outcome = "not reached", why = why }
    end
    if case.who.key then
        why = format("%s; the draw of this one is %s", why, percent(crypto.fraction(case.who.sid)))
    end
    return { rule = case.rule, outcome = "used", why = why }
end

-- A header that says who asks, and nothing of a version.
local function key_header(facts)
    local case = facts.case
    local client = credentials.client(facts.request, facts.now)
    if not client then
        return { outcome = "absent", why = "no header of [sessions] key_headers" }
    elseif case.rule ~= "credential" then
        local is_page = case.rule == "new" and navigation.is_page(facts.request)
        return { outcome = is_page and "no" or "not reached", why = is_page and "a browser's page: that gets a pin"
            or client.header .. " says who asks" }
    end
    local slot, share = client.version and lineage.slot(facts.state, client), facts.state.green_share
    local why = slot and format("was given %s, which %s serves", client.now, slot.name)
        or percent(share) .. " of new sessions get green"
    if not slot and share > 0 and share < 1 then
        why = format("%s; the draw of this one is %s", why, percent(crypto.fraction(client.sid)))
    end
    return { outcome = "used", why = client.header .. ": " .. why }
end

-- Rules that come before and after all others change who answers, and when; not what is decided.
local function closed_gate(facts)
    local gate = facts.state.gate
    if not gate then
        return { outcome = "no", why = "open" }
    elseif gate.mode == "pause" and facts.now >= gate.ends then
        return { outcome = "held", why = "the pause was over at " .. moment(gate.ends) .. ": turned away with a 503" }
    elseif gate.mode == "pause" then
        return { outcome = "held", why = "paused until " .. moment(gate.ends) .. "; then:" }
    end
    return { outcome = "held", why = "maintenance, but for [maintenance] allow; then:" }
end

local function covered(facts)
    local case = facts.case
    if facts.is_open then
        return { outcome = "no", why = "the slot is still to be drawn" }
    end
    local is_covered = case.rule ~= "preview" and facts.is_slotted
        and decision.upstream(case.slot, checks.up) == case.slot.cover
    if case.slot.cover and is_covered then
        return { outcome = "covered", why = case.slot.name .. " is down: the other slot answers" }
    end
    local is_down = checks.up[case.slot.name] == false
    return {
        outcome = "no",
        why = case.slot.name .. (is_down and " is down, and nobody covers it" or " is not known to be down"),
    }
end

-- The rules in their order: name, and what came of it.
local RULES = {
    { "gate", closed_gate },
    { "preview", preview },
    { "page", function(facts)
        local why = no_page(facts)
        if facts.case.rule == "page" then
            return { outcome = "used", why = "a page of " .. facts.case.slot.version .. " asks" }
        elseif not why then
            why = facts.case.rule == "preview" and "decided already" or "this service is shared by both versions"
        end
        return { outcome = "no", why = why }
    end },
    { "moved", function(facts)
        if not decision.has_moved(facts.state, facts.case.token, facts.case.pin) then
            return { outcome = "no", why = "no pin says that the token's session has moved on" }
        end
        return credential(facts, facts.shown.pin, "pin", facts.case.rule == "moved")
    end },
    { "bearer", function(facts)
        local case = facts.case
        return credential(facts, facts.shown.bearer, "bearer token", case.rule == "token" and not case.in_cookie)
    end },
    { "cookie", function(facts)
        local case = facts.case
        return credential(facts, facts.shown.cookie, "session cookie", case.rule == "token" and case.in_cookie)
    end },
    { "pin", function(facts)
        local is_used = facts.case.rule == "pin"
        -- Where there is no pin, the page that answered a POST from another site says the same.
        local shown = is_used and not facts.case.pin and facts.shown.page or facts.shown.pin
        return credential(facts, shown, "pin", is_used)
    end },
    { "credential", key_header },
    { "new", fresh },
    { "migrated", function(facts)
        local case = facts.case
        if case.rule == "migrated" then
            local why = format("a page load takes the session from %s to %s", case.place.from, case.slot.version)
            return { outcome = "used", why = why }
        end
        return { outcome = "no", why = no_move(facts) }
    end },
    { "health", covered },
}

-- Who is nobody yet draws when it comes: until then only a share of 0 or 1 tells the slot.
local function is_open(case, share)
    return case.rule ~= "migrated" and case.rule ~= "credential" and not case.who.key and share > 0 and share < 1
end

local function rule_rows(facts)
    local rows = {}
    for i, rule in ipairs(RULES) do
        local row = rule[2](facts)
        row.rule = row.rule or rule[1]
        rows[i] = row
    end
    return rows
end

--- What is decided for a request at `now`: `{slot, version, reason, service, pin, rules}`; nil while no state has been
-- read yet. `slot` and `version` are nil where the draw of a new session is still to be made; `service` is nil where
-- the proxy answers by itself; `pin` is what a new one would say. Each rule has `rule`, `outcome` (used, outranked,
-- retired, rejected, absent, no, not reached, held, covered) and `why`.
function _M.of(request, now)
    local settings = router.settings
    local route = request.has_path and location.find(settings.routes, request.path()) or nil
    local is_slotted = not request.has_path or (route ~= nil and route.slotted)
    local case = router.decide({ place = {} }, request, now, is_slotted, true)
    if not case then
        return nil
    end
    local facts = {
        case = case, request = request, now = now, settings = settings, is_slotted = is_slotted,
        state = router.state.value, is_open = is_open(case, router.state.value.green_share),
        shown = credentials.all(request.authorization(), request.cookie(), now),
    }
    local open, place = facts.is_open, case.place
    return {
        slot = not open and case.slot.name or nil,
        version = not open and case.slot.version or nil,
        reason = case.rule,
        service = route and route.service,
        pin = case.life and not open and { version = place.version, from = place.from, life = case.life } or nil,
        rules = rule_rows(facts),
    }
end

return _M
