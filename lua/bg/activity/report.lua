-- What a report to the session API says: rows of sessions and visitors, which visitors are gone, whether everything has
-- been told, and the gauges of each version.

local cjson = require("cjson.safe")
local memory = require("bg.activity.memory")
local names = require("bg.lib.names")
local outbox = require("bg.activity.outbox")
local timestamp = require("bg.lib.timestamp")

local ngx = ngx
local concat = table.concat
local format, sub = string.format, string.sub
local ipairs, pairs, tostring = ipairs, pairs, tostring
local min = math.min

local BATCH_BYTES = 512 * 1024 -- half of what the session API takes: names of any length in any script
local GONE = outbox.GONE

local feed = ngx.shared.bg_feed -- as activity.reporter has it

local settings, gauges

local _M = {}

--- Begins with these settings (lib.settings). `count_by_version()` gives the gauges that go with a report.
function _M.init(given, count_by_version)
    settings, gauges = given, count_by_version
end

-- The row of a session or a visitor as the session API takes it; nil where there is none any more.
local function row_of(key)
    local row = memory.get(key)
    return row and { sub(key, 3), row.user or cjson.null, row.version, row.seen, min(row.exp, timestamp.LAST),
        min(row.iat, timestamp.LAST), names.kind(key) }
end

-- `{sid, since}` of who is gone (activity.recorder); nil where a request has come under that key since.
local function gone_of(key)
    local name = sub(key, #GONE + 1)
    return not memory.get(name) and { sub(name, 3), memory.over_since(name) or ngx.now() } or nil
end

-- A JSON array of JSON texts.
local function array(texts)
    return "[" .. concat(texts, ",") .. "]"
end

-- Whether everything of this kind has been told. A row that was lost may have been the last of a session that is silent
-- since: only when the active window is over does it not matter any more.
local function is_complete(kind)
    return outbox.length(kind) == 0 and outbox.whole_for(kind) > settings.active_window
end

--- The rows of a report about as many of `keys` as fit into it: lists of JSON texts of sessions (and visitors) and of
-- visitors that are gone; and how many keys these are. A key without a row has nothing to tell: its session has ended
-- since, or was counted as lost when it was forgotten.
function _M.rows(keys)
    local sessions, gone, bytes = {}, {}, 0
    for i, key in ipairs(keys) do
        local is_gone = sub(key, 1, #GONE) == GONE
        local row = is_gone and gone_of(key) or not is_gone and row_of(key)
        local text = row and cjson.encode(row)
        bytes = bytes + (text and #text or 0)
        if bytes > BATCH_BYTES and i > 1 then
            return sessions, gone, i - 1
        elseif text then
            local into = is_gone and gone or sessions
            into[#into + 1] = text
        end
    end
    return sessions, gone, #keys
end

--- The report with these rows, as JSON.
function _M.body(sessions, gone)
    local parts = {
        proxy = cjson.encode(settings.proxy_name),
        instance = cjson.encode(feed:get("instance")),
        now = format("%.3f", ngx.now()),
        since = format("%.3f", memory.since()),
        epoch = cjson.encode(feed:get("epoch") or cjson.null),
        complete = tostring(is_complete(outbox.SESSION) and is_complete(outbox.COOKIE)),
        visitors_complete = tostring(is_complete(outbox.VISITOR)),
        sessions = array(sessions),
        gone = array(gone),
        gauges = cjson.encode(gauges()),
    }
    local members = {}
    for name, text in pairs(parts) do
        members[#members + 1] = '"' .. name .. '":' .. text
    end
    return "{" .. concat(members, ",") .. "}"
end

return _M
