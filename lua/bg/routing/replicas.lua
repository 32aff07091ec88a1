-- Names the replica that a request is sent to, where a slot has several containers of a service. They take turns; one
-- that is known to be down, or that has failed this very request, comes after all others, and so does the other slot.
-- The slot's containers on other nodes are spares: they are asked when there is none on this node, and before the other
-- slot. nginx does the rest: connections, time-outs, and whether a failed request may be sent again.

local balancer = require("ngx.balancer")
local checks = require("bg.health.checks")
local slots = require("bg.lib.slots")

local ngx = ngx
local format, match = string.format, string.match
local ipairs, pairs = ipairs, pairs

-- name -> slot -> its rings: the replicas of this node, and the spares. A ring is a list of `{address, host, port,
-- rings}`, with whose turn it is in `turn`; `count` of the rings is how many there are in all.
local services = {}

local _M = {}

local function add_ring(rings, addresses)
    local ring = { turn = 0 }
    for i, address in ipairs(addresses) do
        local host, port = match(address, "^(.*):(%d+)$")
        ring[i] = { address = address, host = host, port = tonumber(port), rings = rings }
    end
    rings[#rings + 1] = ring
    rings.count = (rings.count or 0) + #ring
end

local function spares_of(settings, name, slot)
    local addresses = {}
    for i, spare in ipairs(settings.spares[name] and settings.spares[name][slot] or {}) do
        addresses[i] = spare.address
    end
    return addresses
end

--- Begins with these settings (lib.settings).
function _M.init(settings)
    for name, replicas in pairs(settings.replicas) do
        services[name] = {}
        for _, slot in ipairs(slots.SLOTS) do
            services[name][slot] = {}
            add_ring(services[name][slot], replicas[slot])
            add_ring(services[name][slot], spares_of(settings, name, slot))
        end
    end
end

-- The first replica of a ring, from its turn on, that was not `tried` (address -> true) and is not `down` (the same);
-- then it is the turn of the one after it. Otherwise nil, and the first that was not tried.
local function next_of(ring, tried, down)
    local untried
    for i = 0, #ring - 1 do
        local at = (ring.turn + i) % #ring + 1
        local replica = ring[at]
        if not tried[replica.address] then
            if not down[replica.address] then
                ring.turn = at % #ring
                return replica
            end
            untried = untried or replica
        end
    end
    return nil, untried
end

-- The same of all rings of a slot.
local function next_of_slot(rings, tried, down)
    local last
    for i = 1, #rings do
        local replica, untried = next_of(rings[i], tried, down)
        if replica then
            return replica
        end
        last = last or untried
    end
    return nil, last
end

--- The replica to ask next, `{address, host, port}`: of the slot `own`, then of `other` (nil where there is none to
-- fall back on), those that are up; then those that are down. nil where all were tried.
function _M.choose(own, other, tried, down)
    local replica, last = next_of_slot(own, tried, down)
    local others_last
    if not replica and other then
        replica, others_last = next_of_slot(other, tried, down)
    end
    return replica or last or others_last
end

local NONE = {} -- nothing was tried yet

-- What this request has tried, after an answer that it goes on from: a 404 for a file that the other slot may have. All
-- of a slot have the same files. nil where it was a failure.
local function note_missing(ctx)
    if balancer.get_last_failure() ~= "next" then
        return nil
    end
    ctx.tried = ctx.tried or {}
    for _, ring in ipairs(ctx.replica.rings) do
        for _, replica in ipairs(ring) do
            ctx.tried[replica.address] = true
        end
    end
    return ctx.tried
end

-- What this request has tried, after a failure. The health of the one that failed is looked at anew.
local function note_failure(ctx)
    local failed = ctx.replica.address
    if not checks.down[failed] then
        checks.hurry()
    end
    ctx.tried = ctx.tried or {}
    ctx.tried[failed] = true
    return ctx.tried
end

--- balancer_by_lua of a service with replicas: nginx asks the replica that this names. `own` is the slot that is asked
-- first, `other` the one after it, nil where there is none to fall back on.
function _M.balance(service, own, other)
    local by_slot, ctx = services[service], ngx.ctx
    local rings, others = by_slot[own], other and by_slot[other]
    local tried = ctx.replica and (note_missing(ctx) or note_failure(ctx)) or NONE
    local replica = _M.choose(rings, others, tried, checks.down)
    if not replica then -- only connections that were kept open have failed so far: nginx does not count those
        ctx.tried = nil
        replica = _M.choose(rings, others, NONE, checks.down)
    elseif tried == NONE then
        balancer.set_more_tries(rings.count + (others and others.count or 0) - 1)
    end
    ctx.replica = replica
    local ok, err = balancer.set_current_peer(replica.host, replica.port)
    if not ok then
        ngx.log(ngx.ERR, format("cannot name %s to nginx: %s", replica.address, err))
    end
end

--- The address of a replica of this slot that is not known to be down, for a copy of a request; nil where the service
-- has no replicas.
function _M.address(service, slot)
    local by_slot = services[service]
    if by_slot then
        return _M.choose(by_slot[slot], nil, NONE, checks.down).address
    end
end

return _M
