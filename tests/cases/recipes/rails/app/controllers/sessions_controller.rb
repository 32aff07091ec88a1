class SessionsController < ApplicationController
  skip_before_action :require_log_in, only: %i[new create]

  def new
  end

  def create
    reset_session # a session of before the log-in is another one
    session[:user] = params.require(:name)
    redirect_to root_path, status: :see_other
  end

  def destroy
    reset_session
    redirect_to new_session_path, status: :see_other
  end
end
