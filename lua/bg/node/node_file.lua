-- What the proxy is told of the node that it runs on: state/node.json. bgctl writes it, and in a cluster the node's
-- agent. Where there is no such file, there is nothing to say: the node takes traffic.

local files = require("bg.lib.files")
local hot_file = require("bg.lib.hot_file")
local strict_json = require("bg.lib.strict_json")

local type = type

local ENOENT = 2
-- What each member is, and what is said of another one.
local KINDS = { drain = "boolean", since = "string", why = "string", leave = "number", heardFor = "number" }
local WORDS = { boolean = "true or false", string = "text", number = "a number" }
local NOTHING_SAID = { is_drained = false }

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
    for name, kind in pairs(KINDS) do
        local value = member(document, name)
        if value ~= nil and type(value) ~= kind then
            return name .. " is not " .. WORDS[kind]
        end
    end
end

--- What `text` says, `{is_drained, since, why, leave, heard_for}`; or nil and what is wrong with it. "": there is no
-- file. `is_drained`: load balancers are to send nothing; `since` and `why` are what bgctl noted of that. `leave`: how
-- often clients were to let go of the connections that they keep (node.leaving). `heard_for`: the agent of a cluster's
-- node has heard Redis since the proxy began that did so at this moment (node.confirmation).
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
        since = member(document, "since"),
        why = member(document, "why"),
        leave = member(document, "leave"),
        heard_for = member(document, "heardFor"),
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
