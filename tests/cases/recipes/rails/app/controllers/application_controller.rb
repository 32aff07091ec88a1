class ApplicationController < ActionController::Base
  before_action :require_log_in
  helper_method :user

  private

  def user = session[:user]

  def require_log_in
    redirect_to new_session_path unless user
  end
end
