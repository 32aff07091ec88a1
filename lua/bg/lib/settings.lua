-- The proxy's settings, which bgctl renders as settings.json: read once, before the first worker starts.

local files = require("bg.lib.files")
local own_peers = require("bg.lib.own_peers")
local strict_json = require("bg.lib.strict_json")

local _M = {}

-- Every setting with its type. Times are in seconds, sizes in bytes. (`held_every` is how often it is told that a
-- session goes on, and that a request is still in flight.)
local EXPECTED = {
    issuer = "string", leeway = "number", token_longest = "number", secure_cookies = "boolean", cookie_stem = "string",
    pin_idle = "number", version_claim = "string",
    state_file = "string", node_file = "string", jwks_file = "string", keys_dir = "string",
    pin_key_file = "string", proxy_key_file = "string",
    proxy_name = "string", api = "string", control = "string", active_window = "number", held_every = "number",
    migrate = "string", migrate_idle = "number", routes = "table", access_log = "boolean",
    sites = "table", unknown_hosts = "string", balancer_path = "string",
    peers = "table", health_check = "number", health_timeout = "number", health_fails = "number",
    notice_page = "string", unavailable_page = "string", maintenance_page = "string",
    max_body = "number", min_rate = "number", client_timeout = "number", header_size = "number",
    limit_wait = "number", connections = "number",
    version = "string", drain_deadline = "number", mirrors = "table", replicas = "table", spares = "table",
    assets = "table", follows_agent = "boolean",
    certificates = "table",
    pin_domain = "string", pin_same_site = "string", key_headers = "table", session_cookies = "table",
    token_headers = "table", token_cookies = "table",
}

-- Names the cookies that are signed with the pin's secret. `pin_jar` is what a pin says of the cookie that it is in,
-- where [pin] makes that another one than usual: a browser may have several pins of one name, and after a change of
-- [pin] one of them is stale.
local function name_pins(settings)
    local has_domain = settings.pin_domain ~= ""
    local prefix = settings.secure_cookies and (has_domain and "__Secure-" or "__Host-") or ""
    local stem = prefix .. settings.cookie_stem
    settings.pin_name = settings.cookie_stem .. "_pin=" -- after any prefix
    settings.pin_cookie = stem .. "_pin="
    settings.page_cookie = stem .. "_page="
    settings.preview_cookie = stem .. "_preview="
    if has_domain or settings.pin_same_site ~= "lax" then
        settings.pin_jar = settings.pin_same_site .. "/" .. settings.pin_domain
    end
end

local function name_of_node()
    local host = assert(files.read("/proc/sys/kernel/hostname"))
    return (host:gsub("%s+$", ""))
end

-- The name by which the session API tells this proxy from others. The nodes of a swarm have one settings.json, which
-- begins the name with the colon: there the node's own name goes before it.
local function own_name(name)
    return name:sub(1, 1) == ":" and name_of_node() .. name or name
end

-- Headers, each with the nginx variable that has its value.
local function with_variables(names)
    local headers = {}
    for i, name in ipairs(names) do
        headers[i] = { name = name, variable = "http_" .. name:gsub("-", "_") }
    end
    return headers
end

-- Cookies of the app's own, each with what stands before its value in a Cookie header, and with the nginx variable
-- that has the value which an answer sets.
local function as_cookies(names)
    local cookies = {}
    for i, name in ipairs(names) do
        cookies[i] = { name = name, wanted = name .. "=", variable = "upstream_cookie_" .. name }
    end
    return cookies
end

--- The settings in the file at `path`, with the names of cookies added. Raises when the file is missing or malformed:
-- the proxy does not start then.
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
    settings.proxy_name = own_name(settings.proxy_name)
    own_peers.take(settings, settings.follows_agent and name_of_node())
    local stem = (settings.secure_cookies and "__Host-" or "") .. settings.cookie_stem
    settings.session_cookie = stem .. "_session="
    settings.update_cookie = stem .. "_update="
    name_pins(settings)
    settings.key_headers = with_variables(settings.key_headers)
    settings.token_headers = with_variables(settings.token_headers)
    settings.token_cookies = as_cookies(settings.token_cookies)
    settings.has_further_tokens = #settings.token_headers + #settings.token_cookies > 0
    settings.session_cookies = as_cookies(settings.session_cookies)
    settings.keeps_pages = settings.migrate ~= "never"
    return settings
end

return _M
