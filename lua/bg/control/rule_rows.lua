-- The rules of routing for one request, for /explain: a row for each rule, `{rule, outcome, why}`, that says what came
-- of it. Outcomes are used, outranked, retired, rejected, absent, no, not reached, held, and covered. The decision is
-- routing.router's own, and why a rule does not apply is asked of the modules that apply it.

local asked_row = require("bg.control.asked_row")
local checks = require("bg.health.checks")
local lineage = require("bg.routing.lineage")
local move = require("bg.routing.move")
local old_page = require("bg.routing.old_page")
local reasons = require("bg.lib.reasons")
local refused = require("bg.control.refused")
local rules = require("bg.routing.rules")
local whose_rows = require("bg.control.whose_rows")

local concat = table.concat
local format = string.format
local ipairs = ipairs

local PREVIEW, PAGE, MOVED, TOKEN, PIN = reasons.PREVIEW, reasons.PAGE, reasons.MOVED, reasons.TOKEN, reasons.PIN
local CREDENTIAL, MIGRATED = reasons.CREDENTIAL, reasons.MIGRATED

local _M = {}

-- What came of a credential that says a version: it decided (`decided`), it would have, or no slot serves its version.
-- `worth` is as tokens.verifier has it, nil where the request has no such credential.
local function credential(facts, worth, what, decided)
    if not worth then
        return { outcome = "absent", why = "the request has no " .. what }
    elseif not worth.identity then
        return { outcome = "rejected", reason = worth.reason, why = refused.why(worth) }
    elseif not worth.identity.version then
        return { outcome = "no", why = whose_rows.no_version(facts, worth.identity) }
    end
    local slot = lineage.slot(facts.routing, worth.identity)
    local version, chain = worth.identity.now, lineage.chain(facts.routing, worth.identity)
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

-- The gate comes before all rules: it changes when the request is answered, and not which slot is decided.
local function gate(facts)
    local closed = facts.routing.gate
    if not closed then
        return { outcome = "no", why = "open" }
    elseif closed.mode == "pause" and facts.now >= closed.ends then
        local since = refused.moment(closed.ends)
        return { outcome = "held", why = "the pause was over at " .. since .. ": turned away with a 503" }
    elseif closed.mode == "pause" then
        return { outcome = "held", why = "paused until " .. refused.moment(closed.ends) .. "; then:" }
    end
    return { outcome = "held", why = "maintenance, but for [maintenance] allow; then:" }
end

-- A preview shows one candidate, and no other one that comes later under the same name.
local function preview(facts)
    local row = credential(facts, facts.shown.preview, "preview cookie", facts.decision.reason == PREVIEW)
    if row.outcome == "outranked" then
        row.outcome, row.why = "retired", "of a candidate that was taken back"
    end
    return row
end

-- Why the page that asks does not decide, by the word that routing.old_page has for it.
local NO_PAGE = {
    not_moved = function() return "the pin does not say that this browser has moved on" end,
    retired = function(pin) return format("%s, which it has left, is not served any more", pin.from) end,
    moved_back = function(pin) return format("its session is on %s again", pin.left) end,
    unknown_pages = function() return "its pages are not known" end,
    load = function() return "a page load: what the tab showed is gone" end,
    no_referrer = function() return "no Referer names a page of this site" end,
    other_version = function(_, version)
        return format("the page that asks is of %s", version or "no version that is known")
    end,
}

-- Why the page that asks does not decide; nil where only another rule, or the service, keeps it from deciding.
local function no_page(facts)
    local decision, request = facts.decision, facts.request
    local version = old_page.version_of_post(decision.posted, request)
    if version then
        return format("the page that asks is of %s", version)
    end
    local slot, word, other = old_page.of_moved(facts.routing, decision.pin, request)
    return not slot and NO_PAGE[word](decision.pin, other) or nil
end

local function page(facts)
    local decision = facts.decision
    if decision.reason == PAGE then
        return { outcome = "used", why = "a page of " .. decision.slot.version .. " asks" }
    end
    local why = no_page(facts)
        or (decision.reason == PREVIEW and "decided already" or "this service is shared by both versions")
    return { outcome = "no", why = why }
end

local function moved(facts)
    local decision = facts.decision
    if not rules.has_moved(facts.routing, decision.token, decision.pin) then
        return { outcome = "no", why = "no pin says that the token's session has moved on" }
    end
    return credential(facts, facts.shown.pin, "pin", decision.reason == MOVED)
end

-- A session token: where [tokens] headers or cookies has named its place, that is said.
local function session_token(facts, worth, what, decided)
    local row = credential(facts, worth, what, decided)
    if worth and worth.place then
        row.why = format("%s: %s", worth.place, row.why)
    end
    return row
end

local function bearer(facts)
    local decision = facts.decision
    local is_used = decision.reason == TOKEN and not decision.in_cookie
    return session_token(facts, facts.shown.bearer, "bearer token", is_used)
end

local function session_cookie(facts)
    local decision = facts.decision
    return session_token(facts, facts.shown.cookie, "session cookie", decision.reason == TOKEN and decision.in_cookie)
end

-- Without a pin, the page cookie (of a page that answered a POST from another site) says the same.
local function pin(facts)
    local is_used = facts.decision.reason == PIN
    local worth = is_used and not facts.decision.pin and facts.shown.page or facts.shown.pin
    return credential(facts, worth, "pin", is_used)
end

-- Why the load of a page does not take its session along, by the word that routing.move has for it.
local NO_MOVE = {
    not_draining = function(decision) return format("%s is not draining", decision.slot.name) end,
    previewed = function() return "nobody has been sent to the new version yet" end,
    no_load = function() return "not the load of a whole page" end,
    never = function() return "[drain] migrate is never, and the user has not asked" end,
    unknown_pages = function() return "not every page that the browser may have open is known" end,
    busy = function(_, settings) return format("it was not idle for %d s", settings.migrate_idle) end,
    same_slot = function() return "a new session would get the same slot" end,
}

local function no_move(facts)
    local decision = facts.decision
    if decision.reason == PREVIEW or decision.reason == PAGE then
        return "decided already"
    elseif decision.reason == CREDENTIAL then
        return "not the load of a whole page"
    elseif not facts.is_slotted then
        return "this service is shared by both versions"
    elseif decision.is_script then
        return "a token in a header moves with a page, or with a new token"
    end
    local _, word = move.target(decision, facts.routing, facts.request, facts.now)
    return NO_MOVE[word or "same_slot"](decision, facts.settings)
end

local function migrated(facts)
    local decision = facts.decision
    if decision.reason == MIGRATED then
        local from, to = decision.pin_claims.from, decision.slot.version
        return { outcome = "used", why = format("a page load takes the session from %s to %s", from, to) }
    end
    return { outcome = "no", why = no_move(facts) }
end

-- Health comes after all rules: it changes which slot answers, and not which slot is decided.
local function health(facts)
    local decision = facts.decision
    local slot = facts.asked or decision.slot
    if facts.is_open and not facts.asked then
        return { outcome = "no", why = "the slot is still to be drawn" }
    end
    local unchanged = facts.routing.unchanged
    if unchanged[facts.service] then
        return { outcome = "no", why = facts.service .. " is unchanged by this release: blue's containers answer" }
    end
    local is_covered = decision.reason ~= PREVIEW and facts.is_slotted
        and rules.upstream(slot, facts.service, unchanged, checks.up) == slot.cover
    if slot.cover and is_covered then
        return { outcome = "covered", why = slot.name .. " is down: the other slot answers" }
    end
    local is_down = checks.up[slot.name] == false
    return {
        outcome = "no",
        why = slot.name .. (is_down and " is down, and nobody covers it" or " is not known to be down"),
    }
end

-- The rules in their order.
local ROWS = {
    { "gate", gate }, { "preview", preview }, { "page", page }, { "moved", moved }, { "bearer", bearer },
    { "cookie", session_cookie }, { "pin", pin }, { "session", whose_rows.session },
    { "credential", whose_rows.key_header }, { "new", whose_rows.fresh },
    { "migrated", migrated }, { "asked", asked_row }, { "health", health },
}

--- The rows of all rules in their order. `facts`: the `decision` (routing.router) about a `request` (routing.request)
-- at `now` (seconds) with the routing table `routing` and these `settings`; what its credentials are worth (`shown`,
-- tokens.credentials); the `service` that it is for, and whether that `is_slotted`; `is_open`: its slot is still to be
-- drawn.
function _M.of(facts)
    local rows = {}
    for _, rule in ipairs(ROWS) do
        local row = rule[2](facts)
        if row then
            row.rule = row.rule or rule[1]
            rows[#rows + 1] = row
        end
    end
    for _, row in ipairs(facts.asked and rows or {}) do
        row.outcome = row.outcome == "used" and row.rule ~= "asked" and "outranked" or row.outcome
    end
    return rows
end

return _M
