-- May a session of the version that drains move on to the new one with the page that it loads now? Values in, a value
-- out.

local _M = {}

--- @param mode     `[drain] migrate`: never, idle, navigation
-- @param asked    the user has asked for the new version (the page's own banner, with a cookie)
-- @param is_idle  function: whether the session was idle for long enough before this
function _M.allowed(mode, asked, is_idle)
    return asked or mode == "navigation" or (mode == "idle" and is_idle())
end

return _M
