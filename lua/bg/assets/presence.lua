-- Whether a version has a file. Most apps answer 404 for one that they have not got, and nginx by itself then asks the
-- other slot. Some answer it with their page instead (the fallback of single-page apps), with status 200, which cannot
-- be told from a file when its body is on its way. Whether a version does so is found out once, with a file that
-- cannot be there; only then is each file looked for, by a HEAD request, before it is asked for (decision record 78).

local http = require("bg.lib.http")
local http_answer = require("bg.lib.http_answer")

local ngx = ngx
local find, format, lower, match = string.find, string.format, string.lower, string.match

local NOWHERE = "bgctl-no-such-file-0.js" -- below an asset path
local LIMITS = { seconds = 2, needs = "status" }
-- Seconds for which a finding is kept: a version may come again under its name.
local KNOWN, UNKNOWN, MISSING = 600, 5, 5
local YES, NO = "yes", "no"

local dict = ngx.shared.bg_assets -- nil where no service has assets

local _M = {}

--- Whether a browser would show what this path leads to as a page.
function _M.is_page(path)
    local name = match(path, "[^/]*$")
    return not find(name, ".", 1, true) or match(lower(name), "%.x?html?$") ~= nil
end

--- What an answer to HEAD says of a file that is no page: "there", "missing", or "unknown".
function _M.verdict(answer)
    if not answer then
        return "unknown"
    elseif answer.status == 404 or answer.status == 410 then
        return "missing"
    elseif answer.status ~= 200 then
        return "unknown"
    end
    local kind = http_answer.field(answer.head, "content-type") or ""
    return find(lower(kind), "text/html", 1, true) == 1 and "missing" or "there"
end

local function ask(place, slot, target)
    local request = http.request("HEAD", target, {
        "Host: " .. place.host,
        "User-Agent: bgctl-assets",
        "Accept: */*",
        "X-Forwarded-Proto: " .. place.scheme,
        "X-Forwarded-Host: " .. place.host,
    })
    return http.ask(place[slot.name], request, LIMITS)
end

-- Remembers `value` under `key` for so many seconds. Memory that is full forgets the oldest.
local function remember(key, value, seconds)
    dict:set(key, value, seconds)
    return value
end

-- Whether a version answers with its page for what it has not got.
local function answers_pages(place, service, slot, folder)
    local key = format("%s %s %s", service, slot.version, folder)
    local known = dict:get(key)
    if not known then
        local answer = ask(place, slot, folder .. NOWHERE)
        local is_sure = answer and (answer.status == 404 or answer.status == 200)
        local is_page = answer ~= nil and answer.status == 200 and _M.verdict(answer) == "missing"
        known = remember(key, is_page and YES or NO, is_sure and KNOWN or UNKNOWN)
    end
    return known == YES
end

--- Whether it is known, before it is asked for, that the version in `slot` has no file at the path. False where the
-- version answers 404 by itself for what it has not got.
-- @param place   where the slots of its service are (settings.assets)
-- @param folder  the asset path (with a slash at its end) in which the file would be
-- @param target  the path as it was sent, without a query
function _M.is_missing(place, service, slot, folder, target)
    if not answers_pages(place, service, slot, folder) then
        return false
    end
    local key = format("%s %s %s", service, slot.version, target)
    local known = dict:get(key)
    if not known then
        local found = _M.verdict(ask(place, slot, target))
        known = remember(key, found, found == "there" and KNOWN or MISSING)
    end
    return known == "missing"
end

return _M
