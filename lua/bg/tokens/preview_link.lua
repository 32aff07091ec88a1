-- Preview links: a link that bgctl signs sends everyone who opens it to the candidate, until the link expires. Its
-- token is an HS256 token with the pin's secret under a name of its own, so that neither is ever believed as the other.
-- The cookie that the link leaves behind carries the very same token.

local cookie = require("bg.lib.cookie")

local find, sub = string.find, string.sub

local _M = { ISSUER = "bgctl-preview", KID = "preview" }

local HOME = "/"
local MAX_PATH = 2048

-- Status and text of the page, by the reason for which a link is refused (docs/tokens.md). For any other reason the
-- link is not of this site.
local PAGES = {
    expired = { 403, "This preview link has expired. A new one: bgctl preview" },
    retired = { 404, "This preview is over: its version is not served any more." },
}
local FOREIGN = { 403, "This is no preview link of this site. A new one: bgctl preview" }

--- Whether `to` is a path of this site, and nothing that a browser could take for another site. Only printable ASCII is
-- taken: all else has to be percent-encoded, and browsers drop or change some of it ("/\t/elsewhere", "/\elsewhere").
function _M.is_path(to)
    return type(to) == "string" and #to <= MAX_PATH and sub(to, 1, 1) == "/" and sub(to, 2, 2) ~= "/"
        and not find(to, "[^\33-\126]") and not find(to, "\\", 1, true)
end

--- The answer to a link, `{status, text, location, cookie}`, with either a text or a location.
-- @param settings  lib.settings
-- @param ask       `{token, to, is_end}` from the link's query: `token` and `to` may be missing, or not be text
-- @param known     the identity in the token (tokens.token), or nil where it is refused
-- @param reason    why it is refused; "retired" where only its version is not served any more
-- @param now       seconds since the epoch
function _M.answer(settings, ask, known, reason, now)
    local name = settings.preview_cookie
    local to = ask.to == nil and HOME or ask.to
    if not _M.is_path(to) then
        return { status = 400, text = "A preview leads to a path of this site, such as to=/board" }
    elseif ask.is_end then
        return { status = 303, location = to, cookie = cookie.set(name, "", 0, settings) }
    elseif not known then
        local page = PAGES[reason] or FOREIGN
        return { status = page[1], text = page[2] }
    end
    return { status = 303, location = to, cookie = cookie.set(name, ask.token, known.exp - now, settings) }
end

return _M
