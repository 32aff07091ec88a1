-- The proxy under the model test: requests are routed by the real modules. What a start makes of them, compiled once,
-- is made anew with each start; what nginx keeps in shared memory goes with a restart, and stays with a reload.

local load, compiled = package.loaders[2], {}
package.loaders[2] = function(name)
    compiled[name] = compiled[name] or load(name)
    return compiled[name]
end

local drawn = 0
local crypto = require("bg.lib.crypto")

-- The same sequence is to be the same sequence again: what is drawn follows from how often something was drawn.
function crypto.random(length)
    drawn = drawn + 1
    return crypto.hmac("drawn in this order", tostring(drawn)):sub(1, length)
end

-- They declare C functions; bg.workers.workers keeps nothing of its own.
local STAYS = { ["bg.lib.crypto"] = true, ["bg.workers.workers"] = true }
local _M = {}
local router, request, turn

function _M.begin(turn_clock)
    turn = turn_clock
end

-- The draws begin anew, for another sequence.
function _M.rewind()
    drawn = 0
end

function _M.start(settings_file, is_restart)
    for name in pairs(package.loaded) do
        if name:sub(1, 3) == "bg." and not STAYS[name] then
            package.loaded[name] = nil
        end
    end
    for _, dict in pairs(is_restart and ngx.shared or {}) do -- luacheck: globals ngx
        for key in pairs(dict.kept) do
            dict.kept[key] = nil
        end
    end
    local settings = require("bg.lib.settings").load(settings_file)
    router, request = require("bg.routing.router"), require("bg.routing.request")
    router.init(settings)
    require("bg.routing.page_versions").begin(settings.keeps_pages)
    require("bg.activity.recorder").init(settings)
    _M.read()
end

-- What a worker does every 50 ms.
function _M.read()
    router.state_file:poll()
    return router.state_file.why
end

-- The version that serves it, the rule, the Set-Cookie value of a pin, and the generation by which it was decided.
function _M.route(now, is_slotted, asked)
    turn(now)
    local described = request.described(asked)
    local decision = is_slotted and router.again(described, now) or router.route(described, now, is_slotted)
    require("bg.activity.recorder").tick()
    local way = decision.way or decision
    return way.slot.version, way.reason, decision.cookie, router.routing().generation
end

-- An answer to a request with these cookies is through.
function _M.answered(now, line, cookies, version)
    turn(now)
    local answer = { lines = line, version = version, generation = router.routing().generation }
    require("bg.routing.cookie_answers").take(request.described({ cookie = cookies }), answer, now)
end

return _M
