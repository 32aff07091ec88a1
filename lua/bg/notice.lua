-- What the proxy itself answers with when no slot does: a page for browsers, a problem document (RFC 9457) for others.

local cjson = require("cjson.safe")
local files = require("bg.files")

local ngx = ngx
local find = string.find

local NOTICES = {
    unavailable = { status = 503, detail = "The service does not answer at the moment." },
    timeout = { status = 504, detail = "The service took too long to answer." },
    pause = { status = 503, detail = "The service is paused for a moment.", retry_after = "5" },
    maintenance = { status = 503, detail = "The service is being worked on.", retry_after = "60" },
}
local TITLES = { [503] = "Service Unavailable", [504] = "Gateway Timeout" }

local pages = {}

local _M = {}

--- Reads the pages. Raises when one is missing.
function _M.init(settings)
    for _, name in ipairs({ "unavailable", "maintenance" }) do
        local text, err = files.read(settings[name .. "_page"])
        pages[name] = text or error(err, 0)
    end
    for _, notice in pairs(NOTICES) do
        notice.problem = cjson.encode({
            type = "about:blank",
            title = TITLES[notice.status],
            status = notice.status,
            detail = notice.detail,
        }) .. "\n"
    end
end

--- Answers the request at hand. `retry_after` (seconds; "": not to be sent) where the notice has none of its own.
-- The body that came with it is not read.
function _M.send(name, retry_after)
    local notice, header = NOTICES[name], ngx.header
    local is_browser = find(ngx.var.http_accept or "", "text/html", 1, true)
    local body = is_browser and (pages[name] or pages.unavailable) or notice.problem
    ngx.req.discard_body()
    ngx.status = notice.status
    header["Content-Type"] = is_browser and "text/html; charset=utf-8" or "application/problem+json"
    header["Cache-Control"] = "no-store"
    header["Vary"] = "Accept"
    retry_after = notice.retry_after or retry_after
    if retry_after ~= "" then
        header["Retry-After"] = retry_after
    end
    header["Content-Length"] = #body
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

return _M
