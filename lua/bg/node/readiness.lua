-- Whether load balancers are to send this node traffic: the answer at [proxy] balancer_path. A node says no only where
-- somebody has said so, or where requests would fail: an answer that another node would give better is no reason, since
-- all nodes may come to it at the same moment, and then nobody would be served.

local checks = require("bg.health.checks")
local confirmation = require("bg.node.confirmation")
local node_file = require("bg.node.node_file")
local router = require("bg.routing.router")
local slots = require("bg.lib.slots")
local stopping = require("bg.node.stopping")

local ipairs = ipairs
local exiting = ngx.worker.exiting

local SLOTS = slots.SLOTS
local DRAINED, STOPPING, NO_STATE, UNCONFIRMED, DOWN = "drained", "stopping", "no state", "unconfirmed", "down"

local _M = {}

-- Whether a new session that `slot` gets would be answered: by the slot, or by the other one in its place. What is not
-- known counts as up: so it is after each switch, until the slot's new version has been asked.
local function answers(slot, up)
    return up[slot.name] ~= false or (slot.cover ~= nil and up[slot.other] ~= false)
end

local function is_served(routing, up)
    for _, name in ipairs(SLOTS) do
        local slot = routing.slots[name]
        if slot.state == "ready" and slot.weight > 0 and answers(slot, up) then
            return true
        end
    end
    return false
end

--- Why the node is to get no traffic, a word or two; nil where it is to get some.
-- @param node         what node.json says (node.node_file)
-- @param is_stopping  whether the proxy is about to stop (node.stopping)
-- @param is_confirmed whether the proxy may go by its state (node.confirmation)
-- @param routing      the routing table (routing.routing_table), or nil while there is none
-- @param up           what the checks say of each slot (health.checks)
function _M.judge(node, is_stopping, is_confirmed, routing, up)
    if node.is_drained then
        return DRAINED
    elseif is_stopping then
        return STOPPING
    elseif not is_confirmed then
        return UNCONFIRMED
    elseif not routing then
        return NO_STATE
    elseif not is_served(routing, up) then
        return DOWN
    end
end

--- The same of this node, now. A worker that is leaving has no ticks: it looks for itself.
function _M.why_not()
    if exiting() then
        node_file.poll()
        stopping.poll()
        router.state_file:poll()
        checks.sync()
    end
    return _M.judge(node_file.said(), stopping.is_told(), confirmation.is_given(), router.routing(), checks.up)
end

return _M
