require "active_support/core_ext/integer/time"

Rails.application.configure do
  config.enable_reloading = false
  config.eager_load = true
  config.consider_all_requests_local = false
  config.action_controller.perform_caching = true

  # TLS ends in front of the app: a proxy says in X-Forwarded-Proto how the browser came.
  config.force_ssl = true
  config.hosts = ENV.fetch("ALLOWED_HOSTS").split(",")

  config.logger = ActiveSupport::Logger.new(STDOUT)
    .tap  { |logger| logger.formatter = ::Logger::Formatter.new }
    .then { |logger| ActiveSupport::TaggedLogging.new(logger) }
  config.log_tags = [:request_id]
  config.log_level = :info
  config.i18n.fallbacks = true
end
