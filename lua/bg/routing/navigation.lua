-- What a browser's request says of the page that it belongs to: whether a page is being loaded, or a page asks for
-- something. `request` (routing.request) has a function for each header, so that only what is needed is read.

local find, match, sub = string.find, string.match, string.sub

-- Destinations of requests whose answers may ask for more, and so appear as a Referer (Fetch, section 2.2.5).
local REFERRERS = {
    document = true, iframe = true, frame = true, embed = true, object = true,
    script = true, style = true, worker = true, sharedworker = true, serviceworker = true,
}

local _M = {}

--- Whether this is the load of a whole page in a tab, so that what the tab showed before is gone. Browsers say so
-- (Fetch Metadata); an old browser, or one that comes without TLS, is taken to load a page if it wants HTML. What is
-- only fetched ahead of time is no load.
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

--- Whether a browser asks for a page, to show it in a tab or a frame, now or later. What asks for pages keeps cookies.
function _M.is_page(request)
    local mode = request.mode()
    if mode then
        return mode == "navigate"
    end
    return find(request.accept() or "", "text/html", 1, true) ~= nil
end

--- Whether a script in a page of this site asks for data: that, too, keeps cookies.
function _M.is_own_fetch(request)
    local site = request.site()
    return (site == "same-origin" or site == "same-site") and request.destination() == "empty"
        and request.method() ~= "OPTIONS"
end

--- Whether this is a POST from another site's page: SameSite cookies (Lax or Strict) stay away from it. An old browser
-- does not say the site, but the origin.
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

--- Whether the answer to this request may ask for more. A document may also be the answer to a POST of a form.
function _M.may_refer(request)
    local destination = request.destination()
    if request.method() == "POST" then
        return destination == "document"
    end
    return REFERRERS[destination or "document"] == true and request.method() == "GET"
end

--- The path (with its query) of the page or script of this site that asks; nil where none does.
function _M.referrer(request)
    local referer = request.referer()
    local host, path = match(referer or "", "^%a+://([^/?#]+)([^#]*)")
    if not host or host ~= request.host() then
        return nil
    end
    return sub(path, 1, 1) == "/" and path or "/" .. path
end

return _M
