-- May a session of the version that drains move on to the new one with the page that it loads now? Values in, a value
-- out.

local _M = {}

--- @param mode       `[drain] migrate`: never, idle, navigation
-- @param asked      whether the user has asked for the new version (the page's own banner does that, with a cookie)
-- @param knows_all  whether every page that the browser may have open is known, so that each can be held
-- @param is_idle    function: whether the session was idle for long enough before this
function _M.allowed(mode, asked, knows_all, is_idle)
    if asked then
        return true
    end
    return knows_all and (mode == "navigation" or (mode == "idle" and is_idle()))
end

return _M
