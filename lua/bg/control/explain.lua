-- Which slot a request would get, and why. The decision is routing.router's own; nothing is changed, counted or minted.

local asked_version = require("bg.routing.asked_version")
local credentials = require("bg.tokens.credentials")
local location = require("bg.control.location")
local reasons = require("bg.lib.reasons")
local router = require("bg.routing.router")
local rule_rows = require("bg.control.rule_rows")
local site = require("bg.control.site")

local ASKED, CREDENTIAL, MIGRATED = reasons.ASKED, reasons.CREDENTIAL, reasons.MIGRATED

local _M = {}

-- Whether the slot is still to be drawn: a new session draws when it comes, and until then only a share of 0 or 1 tells
-- its slot.
local function is_open(decision, share)
    return decision.reason ~= MIGRATED and decision.reason ~= CREDENTIAL and not decision.identity.key
        and share > 0 and share < 1
end

--- What is decided for a request (routing.request) at `now` (seconds): `{slot, version, reason, service, host,
-- neighbour, refused, pin, rules}`; nil while no state is in force yet. `slot` and `version` are nil where the draw
-- of a new session is still to be made; `service` is nil where the proxy answers by itself; `host` is the name in
-- bgctl.toml by which the request's host is known. Of a host that is a `neighbour`'s or is `refused`, nothing is
-- decided here, whatever the rest says. `pin` is what a new pin would say, `{version, from, life}`, with its life in
-- seconds; `rules` are the rows of all rules (control.rule_rows).
function _M.of(request, now)
    local settings = router.settings
    local here, host = site.find(settings, request.host())
    local route = request.has_path and location.find(here.routes, request.path()) or nil
    local is_slotted = not request.has_path or (route ~= nil and route.slotted)
    local routing = router.routing()
    if not routing or routing.generation == 0 then
        return nil
    end
    local decision = router.decide({ pin_claims = {} }, request, now, is_slotted, true)
    local open, claims = is_open(decision, routing.green_share), decision.pin_claims
    local has_pin = decision.life and not open
    local rows = rule_rows.of({
        decision = decision, request = request, now = now, settings = settings, is_slotted = is_slotted,
        service = route and route.service, routing = routing, is_open = open,
        shown = credentials.all(request, request.cookie(), now),
    })
    asked_version.apply(decision, routing, request, is_slotted)
    open = open and decision.reason ~= ASKED
    return {
        slot = not open and decision.slot.name or nil,
        version = not open and decision.slot.version or nil,
        reason = decision.reason,
        service = route and route.service,
        host = host, neighbour = here.neighbour, refused = here.refused or false,
        pin = has_pin and { version = claims.version, from = claims.from, life = decision.life } or nil,
        rules = rows,
    }
end

return _M
