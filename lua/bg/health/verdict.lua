-- Judges health checks: what one answer to a check says, and whether a row of answers makes a peer up or down. Values
-- in, values out. bgctl judges an answer in the same way, word for word (toolkit/health/answer.py).

local http_answer = require("bg.lib.http_answer")
local names = require("bg.lib.names")
local strict_json = require("bg.lib.strict_json")

local find, gsub, lower, match, sub = string.find, string.gsub, string.lower, string.match, string.sub

local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }
local SHOWN = 100 -- bytes of where a redirect leads

local _M = { OUTCOMES = { "good", "no_answer", "status", "body", "version" } }

-- Where an answer redirects to, or nil.
local function location(answer)
    return REDIRECTS[answer.status] and http_answer.field(answer.head, "location") or nil
end

local function of_status(answer)
    local to, said = location(answer), "answered status " .. answer.status
    return to and to ~= "" and said .. ", to " .. sub(gsub(to, "[^!-~]", ""), 1, SHOWN) or said
end

local function of_version(found, version, missing)
    if not names.is_version(found) then
        return "version", missing
    elseif found == version then
        return "good"
    end
    return "version", "answered " .. found .. ", wanted " .. version
end

--- Whether the version is read in the body, so that all of the body has to come.
function _M.needs_body(proof)
    return proof == "json"
end

--- What an answer, `{status, head, body}`, comes to: "good", or another of OUTCOMES and what is wrong with it. An
-- answer is good with a 2xx and, where `proof` says so, with the version in it: "json" (a member `version` of the
-- body), or "header:" with the header's name. With "image" nothing is asked of the answer: bgctl looks at the image.
function _M.outcome(answer, proof, version)
    if answer.status < 200 or answer.status > 299 then
        return "status", of_status(answer)
    end
    local name = match(proof, "^header:(.+)$")
    if name then
        local told = http_answer.field(answer.head, lower(name))
        return of_version(told, version, "answered without a version in " .. name)
    elseif proof ~= "json" then
        return "good"
    end
    local document = strict_json.object(answer.body)
    if not document then
        return "body", "answered something that is not a JSON object"
    end
    return of_version(document.version, version, "answered without a version")
end

--- Where an answer redirects to, if that only adds or takes away a slash at the end of `path`; otherwise nil.
function _M.followed(answer, path, host)
    local to = location(answer)
    local at, target = match(to or "", "^[hH][tT][tT][pP][sS]?://([^/?#]+)(/[!-~]*)$")
    target = target or to
    if not target or not find(target, "^/[!-~]*$") or sub(target, 1, 2) == "//" or lower(at or host) ~= lower(host) then
        return nil
    end
    target = match(target, "^[^#]*")
    local there, here = match(target, "^[^?]*"), match(path, "^[^?]*")
    return (there == here .. "/" or there .. "/" == here) and target or nil
end

--- The record of a peer, `{up, since, bad, version, why}` (empty before the first answer), after one more answer. `up`
-- is nil while that is not known; `bad` counts bad answers in a row. A peer goes down after `fails` of them, and comes
-- up with the first good one. A record of another version does not count. `fault` is what is wrong with the answer, nil
-- where it is good; `now` and `since` are seconds since the epoch.
function _M.judge(record, version, fault, fails, now)
    if record.version ~= version then
        record = { since = now, bad = 0 }
    end
    if not fault then
        return { up = true, since = record.up and record.since or now, bad = 0, version = version }
    end
    local bad = record.bad + 1
    if record.up == false or bad < fails then
        return { up = record.up, since = record.since, bad = bad, version = version, why = fault }
    end
    return { up = false, since = now, bad = bad, version = version, why = fault }
end

--- What the records of all replicas of one service come to, `{up, since, why}`: it is up for as long as one of them has
-- been, and down since the last of them is. Empty while that is not known.
function _M.together(records)
    local up, down, is_unknown
    for _, record in ipairs(records) do
        if record.up and not (up and up.since <= record.since) then
            up = record
        elseif record.up == false and not (down and down.since >= record.since) then
            down = record
        end
        is_unknown = is_unknown or record.up == nil
    end
    return up or not is_unknown and down or {}
end

return _M
