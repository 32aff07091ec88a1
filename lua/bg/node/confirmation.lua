-- Whether this proxy may go by its state.json. On one host it may at once. Where there are several, the file may be
-- from before the node was away, and others have switched since. So a proxy that begins waits for the word of its
-- agent, which has asked Redis since then (node.json). Until it comes, requests are held at the gate, as in a pause.

local figures = require("bg.figures.figures")
local node_file = require("bg.node.node_file")
local routing_table = require("bg.routing.routing_table")

local abs = math.abs

local HOLD = 10 -- seconds for which requests are held; those after that are turned away
local SAME = 0.0005 -- seconds: moments of which one was written as text
local WAITING = "\0" -- in place of a text of state.json, which has no such letter
local KEY = "confirmed"

local dict = ngx.shared.bg_health -- it outlives the workers, and not the proxy
local follows = false -- whether there is an agent
local given = false

local _M = {}

-- Whether `said` (node.node_file) is for the proxy that began at this moment.
local function is_for(said, began)
    return said.heard_for ~= nil and abs(said.heard_for - began) < SAME
end

--- Whether the proxy goes by its state.json. Once it does, it goes on doing so: the agent may end, or lose Redis.
function _M.is_given()
    if not given then
        given = not follows or dict:get(KEY) or is_for(node_file.said(), figures.started_at())
        if given and follows then
            dict:safe_set(KEY, true)
        end
    end
    return given
end

--- Begins with these settings (lib.settings): `file`, the hot file with the routing table, has a table in which nothing
-- is served until the word is given.
function _M.init(settings, file)
    follows = settings.follows_agent
    local read, parse = file.read, file.parse
    function file.read()
        if _M.is_given() then
            return read()
        end
        return WAITING
    end
    function file.parse(text)
        if text == WAITING then -- another worker may have got the word since it was read
            return routing_table.waiting(figures.started_at() + HOLD)
        end
        return parse(text)
    end
end

return _M
