-- Whether a session of the version that drains may move on to the new one with the page that it loads. Values in, a
-- value out.

local _M = {}

--- Why the session may not move on: "never", "unknown_pages" or "busy"; nil where it may.
-- @param mode       `[drain] migrate`: never, idle, navigation
-- @param asked      whether the user has asked for the new version (the banner in the app's page does so with a cookie)
-- @param knows_all  whether every page that the browser may have open is known, so that each can stay on its version
-- @param is_idle    function: whether the session was idle for long enough before this request
function _M.refusal(mode, asked, knows_all, is_idle)
    if asked then
        return nil
    elseif mode == "never" then
        return "never"
    elseif not knows_all then
        return "unknown_pages"
    end
    return mode == "idle" and not is_idle() and "busy" or nil
end

return _M
