-- Whether this proxy is about to stop. On a swarm nobody tells load balancers beforehand, so its container does
-- (compose/proxy/proxy): it leaves a mark, serves on until they have noticed, and stops nginx then.

local files = require("bg.lib.files")

local MARK = "/tmp/stopping"

local looks = false -- whether such a container is possible
local is_told = false

local _M = {}

--- Begins with these settings (lib.settings), before there are workers.
function _M.init(settings)
    looks = settings.follows_agent
end

--- Looks for the mark: with every tick of the state. It does not go again.
function _M.poll()
    is_told = is_told or looks and files.read(MARK) ~= nil
end

function _M.is_told()
    return is_told
end

return _M
