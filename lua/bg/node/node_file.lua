-- What the proxy is told of the node that it runs on: state/node.json. bgctl writes it, and in a cluster the node's
-- agent. Where there is no such file, there is nothing to say: the node takes traffic.

local files = require("bg.lib.files")
local hot_file = require("bg.lib.hot_file")
local strict_json = require("bg.lib.strict_json")

local type = type

local ENOENT = 2
local TEXTS = { "since", "why" }
local FLAGS = { "drain", "confirmed" }
local NOTHING_SAID = { is_drained = false, is_confirmed = true }

local file -- the hot file (lib.hot_file)

local _M = {}

-- A member of the document; nil where it is absent or null.
local function member(document, name)
    local value = document[name]
    if value ~= strict_json.null then
        return value
    end
end

-- What is wrong with the document; nil when it is well-formed. Members that are not known here may stand beside.
local function flaw(document)
    if not document then
        return "not a strict JSON object"
    end
    for _, name in ipairs(FLAGS) do
        local value = member(document, name)
        if value ~= nil and type(value) ~= "boolean" then
            return name .. " is not true or false"
        end
    end
    for _, name in ipairs(TEXTS) do
        local value = member(document, name)
        if value ~= nil and type(value) ~= "string" then
            return name .. " is not text"
        end
    end
    local leave = member(document, "leave")
    if leave ~= nil and type(leave) ~= "number" then
        return "leave is not a number"
    end
end

--- What `text` says, `{is_drained, is_confirmed, since, why, leave}`; or nil and what is wrong with it. "": there is no
-- file.
-- `is_drained`: load balancers are to send nothing; `since` and `why` are what bgctl noted of that. `is_confirmed`:
-- the node is not one of a cluster, or has heard from it since it started. `leave`: how often clients were to let go of
-- the connections that they keep (node.leaving).
function _M.parse(text)
    if text == "" then
        return NOTHING_SAID
    end
    local document = strict_json.object(text)
    local why = flaw(document)
    if why then
        return nil, why
    end
    return {
        is_drained = document.drain == true,
        is_confirmed = document.confirmed ~= false,
        since = member(document, "since"),
        why = member(document, "why"),
        leave = member(document, "leave"),
    }
end

--- Begins with these settings (lib.settings), before there are workers.
function _M.init(settings)
    file = hot_file.new("node.json", function()
        local text, err, code = files.read(settings.node_file)
        if code == ENOENT then
            return ""
        end
        return text, err
    end, _M.parse)
end

--- Reads the file once: with every tick of the state.
function _M.poll()
    file:poll()
end

--- What the last good file said (parse).
function _M.said()
    return file.value or NOTHING_SAID
end

--- Why the newest text was refused; nil when it was not.
function _M.fault()
    return file.why
end

return _M
