-- Is a peer up? What one answer to a check says, and what a row of them does. Values in, values out.

local token = require("bg.token")

local _M = { OUTCOMES = { "good", "no_answer", "status", "body", "version" } }

--- What an answer is: "good", or another of OUTCOMES and what is wrong with it. `document` is the JSON in its body;
-- where `status` is nil there was none, and `why` says why.
function _M.outcome(status, document, version, why)
    if not status then
        return "no_answer", why
    elseif status ~= 200 then
        return "status", "answered status " .. status
    elseif type(document) ~= "table" then
        return "body", "answered something that is not a JSON object"
    elseif document.version == version then
        return "good"
    elseif not token.is_version(document.version) then
        return "version", "answered without a version"
    end
    return "version", "answered " .. document.version .. ", wanted " .. version
end

--- The record of a peer, `{up, since, bad, version, why}` (empty: there was none), after one more answer. `up` is nil
-- while nothing is known, `bad` counts bad answers in a row. Down after `fails` of them, up with the first good one.
-- What was known of another version says nothing.
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

return _M
