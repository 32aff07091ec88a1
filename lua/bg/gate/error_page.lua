-- What the proxy answers in its own name: a page for browsers, a problem document (RFC 9457) for other clients.

local cjson = require("cjson.safe")
local files = require("bg.lib.files")

local ngx = ngx
local find, gsub, lower = string.find, string.gsub, string.lower

-- `page` is the operator's page, or ours of that name. An error without a `page` is shown on a page with a place for
-- its title and its `detail`.
local ERRORS = {
    unavailable = { status = 503, page = "unavailable", detail = "The service does not answer at the moment." },
    timeout = { status = 504, page = "unavailable", detail = "The service took too long to answer." },
    busy = { status = 503, page = "unavailable", detail = "The service has too much to do at the moment." },
    pause = { status = 503, page = "unavailable", detail = "The service is paused for a moment.", retry_after = "5" },
    maintenance = { status = 503, page = "maintenance", detail = "The service is being worked on.",
        retry_after = "60" },
    malformed = { status = 400, detail = "What was sent cannot be read." },
    slow = { status = 408, detail = "What was sent took too long to arrive." },
    large_body = { status = 413, detail = "What was sent is larger than this service takes." },
    share = { status = 429, detail = "Too much is being sent from your address at a time.", retry_after = "5" },
    limited = { status = 429, detail = "Too much is asked for from your address at a time." },
    room = { status = 503, detail = "There is no room for what was sent at the moment.", retry_after = "5" },
    large_request_headers = { status = 431,
        detail = "The headers of the request are too large. Often these are cookies: remove those of this site." },
    large_answer_headers = { status = 502,
        detail = "The service has answered, but the headers of its answer are too large to be passed on." },
}
local MAYBE_DONE = " What was asked for may have been done all the same."
local TITLES = {
    [400] = "Bad Request", [408] = "Request Timeout", [413] = "Content Too Large", [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large", [502] = "Bad Gateway", [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
}

-- By status, what a caller of gRPC is told (grpc/doc/statuscodes.md). UNAVAILABLE invites clients to call again, which
-- they must not where the app may have done what it was called for.
local UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL = "14", "4", "8", "13"
local CODES = {
    [400] = INTERNAL, [408] = DEADLINE_EXCEEDED, [413] = RESOURCE_EXHAUSTED, [429] = UNAVAILABLE, [431] = INTERNAL,
    [502] = INTERNAL, [503] = UNAVAILABLE, [504] = DEADLINE_EXCEEDED,
}

local function problem_of(status, detail)
    return cjson.encode({ type = "about:blank", title = TITLES[status], status = status, detail = detail }) .. "\n"
end

-- A page with its title and its text filled in.
local function filled(page, status, detail)
    return (gsub(page, "@(%l+)@", { title = TITLES[status], text = detail }))
end

local _M = {}

--- Reads the pages, and prepares the texts of all errors. Raises when a page is missing.
function _M.init(settings)
    local pages = {}
    for _, name in ipairs({ "notice", "unavailable", "maintenance" }) do
        local text, err = files.read(settings[name .. "_page"])
        pages[name] = text or error(err, 0)
    end
    for _, shown in pairs(ERRORS) do
        for maybe_done, detail in pairs({ [false] = shown.detail, [true] = shown.detail .. MAYBE_DONE }) do
            shown[maybe_done] = {
                detail = detail,
                page = pages[shown.page] or filled(pages.notice, shown.status, detail),
                problem = problem_of(shown.status, detail),
            }
        end
    end
end

-- Answers a call by gRPC, whose clients read no page: with a head alone, which has what else is in a trailer.
local function refuse_call(shown, detail)
    local header = ngx.header
    ngx.req.discard_body()
    ngx.status = ngx.HTTP_OK
    header["Content-Type"] = "application/grpc"
    header["Content-Length"] = 0 -- nginx ends the stream with the head then
    header["grpc-status"], header["grpc-message"] = CODES[shown.status], detail
    ngx.send_headers()
    return ngx.exit(ngx.HTTP_OK)
end

--- Answers the request at hand with the error `name`. `retry_after` (seconds; "": it is not sent) counts where the
-- error has none of its own. `maybe_done`: the request has reached the app, and may have changed something there. A
-- body that came with the request is not read.
function _M.send(name, retry_after, maybe_done)
    local shown, header = ERRORS[name], ngx.header
    local texts = shown[maybe_done == true]
    if find(lower(ngx.var.http_content_type or ""), "^application/grpc") then
        return refuse_call(shown, texts.detail)
    end
    local is_browser = find(ngx.var.http_accept or "", "text/html", 1, true)
    local body = is_browser and texts.page or texts.problem
    ngx.req.discard_body()
    ngx.status = shown.status
    header["Content-Type"] = is_browser and "text/html; charset=utf-8" or "application/problem+json"
    header["Cache-Control"] = "no-store"
    header["Vary"] = "Accept"
    retry_after = shown.retry_after or retry_after
    if retry_after and retry_after ~= "" then
        header["Retry-After"] = retry_after
    end
    header["Content-Length"] = #body
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

return _M
