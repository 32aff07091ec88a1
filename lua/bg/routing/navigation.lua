-- What a browser's request says of the page it belongs to: is it a page that is being loaded, or does one ask for it?
-- `request` (routing.request) has a function for each header, so that only what is needed is read.

local find, match, sub = string.find, string.match, string.sub

-- What may appear as the Referer of further requests: a document, and what it loads that loads more (Fetch, section
-- 2.2.5).
local REFERRERS = {
    document = true, iframe = true, frame = true, embed = true, object = true,
    script = true, style = true, worker = true, sharedworker = true, serviceworker = true,
}

local _M = {}

--- Whether this is the load of a whole page in a tab: whatever the tab showed before is gone with it. A browser says
-- so itself (Fetch Metadata); an old one, or one that comes without TLS, is believed if it wants HTML. Something
-- that is only fetched ahead of time is none.
function _M.is_load(request)
    if request.method() ~= "GET" or find(request.purpose() or "", "prefetch", 1, true) then
        return false
    end
    local mode = request.mode()
    if mode then
        local destination = request.destination()
        return mode == "navigate" and (destination == nil or destination == "document")
    end
    return find(request.accept() or "", "text/html", 1, true) ~= nil
end

--- Whether a browser asks for a page here, to show it in a tab or a frame, now or later: so it keeps cookies.
function _M.is_page(request)
    local mode = request.mode()
    if mode then
        return mode == "navigate"
    end
    return find(request.accept() or "", "text/html", 1, true) ~= nil
end

--- Whether a script of this site's page asks for data: it runs in a browser, too.
function _M.is_own_fetch(request)
    local site = request.site()
    return (site == "same-origin" or site == "same-site") and request.destination() == "empty"
        and request.method() ~= "OPTIONS"
end

--- Whether this is a POST that another site's page makes: cookies that are SameSite (Lax or Strict) stay away from it.
-- An old browser says no site, but an origin.
function _M.is_foreign_post(request)
    if request.method() ~= "POST" then
        return false
    end
    local site = request.site()
    if site then
        return site == "cross-site"
    end
    local origin = request.origin()
    return origin ~= nil and match(origin, "^%a+://([^/?#]+)$") ~= request.host()
end

--- Whether what is asked for here may ask for more: a document may be the answer to a form, too.
function _M.may_refer(request)
    local destination = request.destination()
    if request.method() == "POST" then
        return destination == "document"
    end
    return REFERRERS[destination or "document"] == true and request.method() == "GET"
end

--- The path (with its query) of the page or script of this site that asks; nil when none does.
function _M.referrer(request)
    local referer = request.referer()
    local host, path = match(referer or "", "^%a+://([^/?#]+)([^#]*)")
    if not host or host ~= request.host() then
        return nil
    end
    return sub(path, 1, 1) == "/" and path or "/" .. path
end

return _M
