-- What bgctl rendered for the proxy: settings.json, read once, before the first worker starts.

local files = require("bg.files")
local strict_json = require("bg.strict_json")

local _M = {}

local EXPECTED = {
    issuer = "string", leeway = "number", token_longest = "number", secure_cookies = "boolean", cookie_stem = "string",
    pin_idle = "number",
    state_file = "string", keys_dir = "string", pin_key_file = "string", proxy_key_file = "string",
    proxy_name = "string", api = "string", control = "string", active_window = "number", held_every = "number",
    migrate = "string", migrate_idle = "number", routes = "table", access_log = "boolean",
    peers = "table", health_check = "number", health_timeout = "number", health_fails = "number",
    notice_page = "string", unavailable_page = "string", maintenance_page = "string",
    max_body = "number", min_rate = "number", client_timeout = "number", header_size = "number",
    version = "string", drain_deadline = "number", mirrors = "table",
}

--- The settings in the file at `path`. Raises when they are missing or malformed: the proxy must not start on them.
function _M.load(path)
    local text, err = files.read(path)
    local settings = text and strict_json.object(text)
    if not settings then
        error(err or path .. ": not a JSON object", 0)
    end
    for name, kind in pairs(EXPECTED) do
        if type(settings[name]) ~= kind then
            error(path .. ": " .. name .. " is not a " .. kind, 0)
        end
    end
    local stem = (settings.secure_cookies and "__Host-" or "") .. settings.cookie_stem
    settings.session_cookie = stem .. "_session="
    settings.pin_cookie = stem .. "_pin="
    settings.update_cookie = stem .. "_update="
    settings.preview_cookie = stem .. "_preview="
    settings.keeps_pages = settings.migrate ~= "never"
    return settings
end

return _M
