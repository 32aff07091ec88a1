-- Which of the containers of all nodes are this node's own. They are in the settings twice: at the address in
-- bgctl.toml, and at that of the node, as the others reach it. The node's address is taken. A loopback address leads
-- to docker's own proxy, which accepts connections for a container that does not listen yet, or no longer, and breaks
-- them off: a POST that was sent into one cannot be sent again. At the node's address it is refused, and goes to
-- another node.

local slots = require("bg.lib.slots")

local ipairs, pairs = ipairs, pairs

local _M = {}

-- The entries of a list that are of the node `own`, of other nodes, and of none.
local function by_place(list, own)
    local places = { own = {}, others = {}, unnamed = {} }
    for _, entry in ipairs(list) do
        local place = not entry.node and places.unnamed or entry.node == own and places.own or places.others
        place[#place + 1] = entry
    end
    return places
end

local function take_peers(settings, own)
    local places = by_place(settings.peers, own)
    local peers = places.own[1] and places.own or places.unnamed
    for _, peer in ipairs(peers) do
        peer.node = nil -- as on one host
    end
    for _, peer in ipairs(places.others) do
        peers[#peers + 1] = peer
    end
    settings.peers = peers
end

local function take_replicas(replicas, spares, own)
    for _, slot in ipairs(slots.SLOTS) do
        local places = by_place(spares[slot], own)
        spares[slot] = places.others
        for i, spare in ipairs(places.own) do
            replicas[slot][i] = spare.address
        end
    end
end

--- Changes `peers`, `replicas` and `spares` of the settings of all nodes to those of the node that is called `own`. One
-- that they do not name keeps the addresses of bgctl.toml.
function _M.take(settings, own)
    take_peers(settings, own)
    for name, spares in pairs(settings.spares) do
        take_replicas(settings.replicas[name], spares, own)
    end
end

return _M
