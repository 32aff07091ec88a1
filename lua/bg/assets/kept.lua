-- The files that bgctl has kept of versions, by its list kept.json (toolkit/slots/kept_list.py). A path that is not in
-- the list, letter by letter, is not sent.

local files = require("bg.lib.files")
local hot_file = require("bg.lib.hot_file")
local strict_json = require("bg.lib.strict_json")

local ngx = ngx
local pairs, type = pairs, type

local FOLDER = "/copied-files/"
local NAME = "/kept.json"
local NONE = '{"versions":[]}'
local LOOK = 1 -- seconds between two looks at a list
local BEGINNING = 80 -- letters of a list, with the digest of the rest among them (`made`)

local lists = {} -- by service

local _M = {}

--- The versions of a list, the newest first, `{version, notes, files}`; or nil and what is wrong. `notes` are
-- `{type, caching}`, and `files` has for each path the place of its note among them.
function _M.parse(text)
    local document = strict_json.object(text)
    local versions = document and document.versions
    if type(versions) ~= "table" then
        return nil, "no list of versions"
    end
    for _, each in ipairs(versions) do
        if type(each) ~= "table" or type(each.version) ~= "string" or type(each.files) ~= "table"
            or type(each.notes) ~= "table" then
            return nil, "a version without files"
        end
    end
    return versions
end

--- Begins with these settings (lib.settings).
function _M.init(settings)
    for service, place in pairs(settings.assets) do
        if place.kept then
            local read = files.reader(FOLDER .. service .. NAME, BEGINNING)
            lists[service] = { at = 0, file = hot_file.new("kept.json of " .. service, function()
                return read() or NONE -- nothing has been kept yet
            end, _M.parse) }
        end
    end
end

local function versions_of(service)
    local list = lists[service]
    if not list then
        return nil
    end
    local now = ngx.now()
    if now - list.at >= LOOK or now < list.at then
        list.at = now
        list.file:poll()
    end
    return list.file.value
end

--- The newest version of which the file at `path` was kept, and what was noted of it, `{type, caching}`; nil where none
-- was.
function _M.find(service, path)
    for _, each in ipairs(versions_of(service) or {}) do
        local found = each.notes[each.files[path]]
        if found then
            return each.version, found
        end
    end
end

return _M
