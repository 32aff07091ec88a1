-- As much of nginx as our modules want to find, for tests that run them without it: shared memory is a table.

local function dict()
    local kept = {}
    local self = {}
    function self.get(_, key) return kept[key] end
    function self.set(_, key, value) kept[key] = value return true, nil, false end
    function self.delete(_, key) kept[key] = nil end
    function self.get_keys()
        local keys = {}
        for key in pairs(kept) do keys[#keys + 1] = key end
        return keys
    end
    function self.incr(_, key, amount, first) kept[key] = (kept[key] or first) + amount return kept[key] end
    function self.safe_add(_, key, value)
        if kept[key] ~= nil then
            return nil, "exists"
        end
        kept[key] = value
        return true
    end
    function self.llen(_, key) return kept[key] and #kept[key] or 0 end
    function self.rpush(_, key, value)
        kept[key] = kept[key] or {}
        table.insert(kept[key], value)
        return #kept[key]
    end
    function self.lpush(_, key, value)
        kept[key] = kept[key] or {}
        table.insert(kept[key], 1, value)
        return #kept[key]
    end
    function self.lpop(_, key) return kept[key] and table.remove(kept[key], 1) end
    self.safe_set, self.kept = self.set, kept
    return self
end

local shared = setmetatable({}, { __index = function(all, name) all[name] = dict() return all[name] end })
local now = { 0 }

local function hex(text)
    return (text:gsub(".", function(letter) return ("%02x"):format(letter:byte()) end))
end

-- The request at hand is a table of variables, and its `number`.
package.preload["bg.lib.at_hand"] = function()
    return {
        get = function(name) return ngx.var[name] end,
        has = function(name) return (ngx.var[name] or "") ~= "" end,
        set = function(name, text) ngx.var[name] = text end,
        status = function() return ngx.status end,
        number = function() return ngx.var.number or 1 end,
    }
end
package.preload["ngx.semaphore"] = function() return { new = function() return {} end } end
package.preload["ngx.balancer"] = function() return {} end
package.preload["cjson.safe"] = function() return { null = {} } end

ngx = { -- luacheck: globals ngx
    shared = shared, ERR = "error",
    now = function() return now[1] end, time = function() return now[1] end,
    log = function() end, md5 = hex, md5_bin = function(text) return text end,
    worker = { exiting = function() return false end, pid = function() return 1 end, id = function() return 1 end },
    timer = {}, socket = {}, thread = {},
}
return function(seconds) now[1] = seconds end
